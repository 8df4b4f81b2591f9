"""Hatch build target that packs a project as a self-contained AWS Lambda zip."""
