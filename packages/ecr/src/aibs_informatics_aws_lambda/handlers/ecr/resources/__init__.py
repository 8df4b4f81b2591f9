"""Registries, repositories and images of Amazon ECR, and the operations on them."""

from ..login import ECRLogin as ECRLogin
from .image import ECRImage as ECRImage
from .registry import ECRRegistry as ECRRegistry
from .repository import ECRRepository as ECRRepository
from .resource import ECRResource as ECRResource, ResourceTag as ResourceTag, TagMode as TagMode
