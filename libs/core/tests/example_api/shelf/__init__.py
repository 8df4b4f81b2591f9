"""An API over a shelf of items."""
