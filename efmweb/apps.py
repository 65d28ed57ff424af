"""The Django app of the composition: no models, only what must be in place in every process."""

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings


class ComposeConfig(AppConfig):
    """Makes the data folders, and efmweb's Celery application the one jobs are sent through."""

    name = "efmweb"
    verbose_name = "efmweb"

    def ready(self) -> None:
        """Put both in place before the first request or job."""
        for folder in (settings.EFM_BLOBS, settings.EFM_RUNS, settings.FILE_UPLOAD_TEMP_DIR):
            Path(folder).mkdir(parents=True, exist_ok=True)
        from efmweb.celery import app  # noqa: PLC0415 - after Django's apps are known

        # For all threads: Celery's own notion of the current application is one per thread.
        app.set_default()
