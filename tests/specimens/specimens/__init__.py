"""A made-up project that catalogues specimens, written for version 1.1.0."""
