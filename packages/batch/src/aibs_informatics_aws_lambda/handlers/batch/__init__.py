"""Handlers that register AWS Batch job definitions, reuse them, and clear them away."""
