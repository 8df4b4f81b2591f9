"""The engine under its former import path, for scripts outside of this package."""
