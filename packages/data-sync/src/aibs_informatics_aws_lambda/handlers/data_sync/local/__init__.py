"""Local files: walked, written and deleted."""
