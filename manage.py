#!/usr/bin/env python
"""Django's command line for efmweb: `python manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    """Run one command; a setting that cannot be used ends in one sentence, not in a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "efmweb.settings")
    from django.conf import settings  # noqa: PLC0415 - after the settings module has its name
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    try:
        settings.INSTALLED_APPS  # noqa: B018 - reads the environment
    except ImproperlyConfigured as error:
        sys.exit(f"efmweb cannot start: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
