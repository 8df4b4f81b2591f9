"""Notifiers: each delivers to one type of target."""
