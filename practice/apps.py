"""The Django application that holds the domain."""

from django.apps import AppConfig


class PracticeConfig(AppConfig):
    """Supervised autonomous practice of embodied foundation models."""

    name = "practice"
    label = "practice"
    verbose_name = "Practice"
    default_auto_field = "django.db.models.BigAutoField"
