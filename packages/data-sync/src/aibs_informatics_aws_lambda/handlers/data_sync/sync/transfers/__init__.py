"""Transfers of entries, a module per direction."""
