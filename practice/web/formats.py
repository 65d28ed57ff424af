"""How the interface writes numbers, spans of time and sizes. Pure functions, no Django."""

import math
from datetime import datetime, timedelta

NOTHING = "\u2013"
"""Stands where a number is not known; never 0, never an empty cell."""

THIN = "\u202f"  # narrow no-break space
MINUS = "\u2212"


def known(value: object) -> float | None:
    """The value as a finite float, or None for NaN, infinities and everything that is no number."""
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def number(value: object, digits: int | None = None) -> str:
    """Write a number with thin-space groups and a true minus.

    With `digits` None whole numbers stand alone and others keep about three significant digits.
    """
    x = known(value)
    if x is None:
        return NOTHING
    if digits is None:
        digits = _digits_for(x)
    text = f"{abs(x):,.{digits}f}".replace(",", THIN)
    negative = x < 0 and any(c in "123456789" for c in text)
    return f"{MINUS}{text}" if negative else text


def _digits_for(x: float) -> int:
    if x == int(x):
        return 0
    return max(0, min(6, 2 - math.floor(math.log10(abs(x)))))


def percent(value: object, digits: int = 1) -> str:
    """Write a share of one in per cent: 0.962 becomes "96.2 %"; 1 becomes "100 %"."""
    x = known(value)
    if x is None:
        return NOTHING
    if x in (0.0, 1.0):
        digits = 0
    return f"{number(100 * x, digits)}{THIN}%"


def interval(low: object, high: object, digits: int | None = None) -> str:
    """Write a closed interval "[low, high]", or nothing where either end is unknown."""
    if known(low) is None or known(high) is None:
        return ""
    return f"[{number(low, digits)}, {number(high, digits)}]"


def duration(value: object) -> str:
    """Write seconds as people say them: "3.2 ms", "0.35 s", "42 s", "2 min 05 s", "3 h 07 min", "2 d 4 h"."""
    x = value.total_seconds() if isinstance(value, timedelta) else known(value)
    if x is None or x < 0:
        return NOTHING
    if x < 10:
        return _moment(x)
    seconds = round(x)
    minutes, rest = divmod(seconds, 60)
    hours, odd_minutes = divmod(minutes, 60)
    days, odd_hours = divmod(hours, 24)
    if not minutes:
        return f"{seconds}{THIN}s"
    if not hours:
        return f"{minutes}{THIN}min {rest:02d}{THIN}s"
    if not days:
        return f"{hours}{THIN}h {odd_minutes:02d}{THIN}min"
    return f"{days}{THIN}d {odd_hours}{THIN}h"


def _moment(x: float) -> str:
    if 0 < x < 0.01:
        return f"{number(1000 * x)}{THIN}ms"
    return f"{number(x, 0 if x == int(x) else 2 if x < 1 else 1)}{THIN}s"


def ago(then: datetime, now: datetime) -> str:
    """Write how long ago `then` was, coarsely; a moment ahead of `now` reads "in 3 min"."""
    seconds = (now - then).total_seconds()
    ahead = seconds < -5
    seconds = abs(seconds)
    for limit, size, unit in ((90, 1, "s"), (5400, 60, "min"), (129600, 3600, "h")):
        if seconds < limit:
            span = f"{round(seconds / size)}{THIN}{unit}"
            break
    else:
        span = f"{round(seconds / 86400)}{THIN}d"
    if seconds <= 5:
        return "now"
    return f"in {span}" if ahead else f"{span} ago"


def size(value: object) -> str:
    """Write bytes in decimal units as disks are sold: 1 400 000 becomes "1.4 MB"."""
    x = known(value)
    if x is None or x < 0:
        return NOTHING
    for unit in ("B", "kB", "MB", "GB"):
        if x < 1000:
            return f"{number(x, 0 if unit == 'B' or x >= 100 else 1)}{THIN}{unit}"
        x /= 1000
    return f"{number(x, 1)}{THIN}TB"


def plural(count: object, noun: str) -> str:
    """Write a count with its noun: 3 episodes, 2 policies; "person,people" names an odd plural."""
    singular, _, many = noun.partition(",")
    if not many:
        ends_y = singular.endswith("y") and singular[-2:-1] not in "aeiou"
        many = f"{singular[:-1]}ies" if ends_y else f"{singular}s"
    return f"{number(count)} {singular if known(count) == 1 else many}"
