"""What can go wrong while efmweb is put together and started."""


class ServiceError(Exception):
    """Something efmweb stands on cannot be used; the message says why and what to do."""
