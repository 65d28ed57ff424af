"""What rows have in common that one worker at a time works on; `services/work.py` holds the verbs."""

from django.db import models


class Leased(models.Model):
    """A lease, and how often one was taken in vain."""

    lease_owner = models.CharField(max_length=64, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    """When its job is sent again. Null: nothing is awaited."""
    attempts = models.PositiveIntegerField(default=0)
    """How often a worker has begun since a person asked for it."""

    class Meta:
        abstract = True
