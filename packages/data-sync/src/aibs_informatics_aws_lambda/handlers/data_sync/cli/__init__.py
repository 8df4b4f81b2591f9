"""The ``data-sync`` command."""
