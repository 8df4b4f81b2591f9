"""Notifiers: each delivers to targets of one kind."""
