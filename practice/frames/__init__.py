"""Live pictures: what travels from a fleet loop to those who watch, and how it is packed.

Below the rows: no Django but in `connect`, which reads two settings.
"""
