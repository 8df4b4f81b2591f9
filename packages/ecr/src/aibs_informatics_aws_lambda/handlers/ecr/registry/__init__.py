"""Registry clients: the protocol, the OCI distribution API and Amazon ECR."""
