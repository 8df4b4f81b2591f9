"""The command ``data-sync``."""
