"""The web process: `python -m efmweb.web --host 127.0.0.1 --port 8000`."""

import argparse
from collections.abc import Sequence

import uvicorn


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve pages, API and sockets until told to stop."""
    parser = argparse.ArgumentParser(prog="efmweb.web", description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    chosen = parser.parse_args(arguments)
    # asgi names the settings, and says how many connections to the database this process shares.
    from django.conf import settings  # noqa: PLC0415

    from efmweb.asgi import application  # noqa: PLC0415

    uvicorn.run(
        application,
        host=chosen.host,
        port=chosen.port,
        lifespan="off",  # neither Django nor Channels takes part in it
        access_log=False,  # django-structlog says the same, with the request's id
        log_config=None,
        server_header=False,
        proxy_headers=settings.ENVIRONMENT.behind_proxy,
        # Open sockets must not keep the site from stopping.
        timeout_graceful_shutdown=2,
        ws_max_size=2**20,
        # JPEG pictures do not shrink, and events are short.
        ws_per_message_deflate=False,
    )


if __name__ == "__main__":
    main()
