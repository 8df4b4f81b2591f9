"""Clients of container registries: the protocol, any registry, Amazon ECR."""
