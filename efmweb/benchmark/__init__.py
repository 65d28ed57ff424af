"""Benchmarks that need the whole site; `manage.py bench` runs them. docs/benchmarks.md says how."""
