"""Lifecycle policies of repositories in Amazon ECR.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
"""

from __future__ import annotations

from typing import Any, Literal

from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import Field, PositiveInt


class _EcrDocument(PydanticBaseModel):
    """A document of the ECR API: serialized in camelCase."""

    def to_dict(self, **kwargs: Any) -> JSONObject:
        """Return a JSON object, in camelCase unless ``by_alias`` is false."""
        return super().to_dict(**{"by_alias": True, **kwargs})


class LifecyclePolicyAction(_EcrDocument):
    """The action of a rule."""

    type: Literal["expire"] = "expire"


class LifecyclePolicySelection(_EcrDocument):
    """The images that a rule applies to."""

    tag_status: Literal["tagged", "untagged", "any"]
    count_type: Literal["imageCountMoreThan", "sinceImagePushed"]
    count_number: PositiveInt
    count_unit: Literal["days"] | None = None
    tag_prefix_list: list[str] | None = None
    tag_pattern_list: list[str] | None = None


class LifecyclePolicyRule(_EcrDocument):
    """A rule; of several that match an image, the one with the lowest priority applies."""

    rule_priority: PositiveInt
    description: str | None = None
    selection: LifecyclePolicySelection
    action: LifecyclePolicyAction = Field(default_factory=LifecyclePolicyAction)

    @classmethod
    def REMOVE_UNTAGGED(  # noqa: N802 - the name is part of the contract
        cls, rule_priority: int = 1, days: int = 14
    ) -> LifecyclePolicyRule:
        """Return a rule that expires untagged images after a number of days."""
        return cls(
            rule_priority=rule_priority,
            description=f"Expire untagged images after {days} days",
            selection=LifecyclePolicySelection(
                tag_status="untagged",
                count_type="sinceImagePushed",
                count_unit="days",
                count_number=days,
            ),
        )


class LifecyclePolicy(_EcrDocument):
    """A lifecycle policy: the rules of a repository."""

    rules: list[LifecyclePolicyRule]

    @classmethod
    def from_rules(cls, *rules: LifecyclePolicyRule) -> LifecyclePolicy:
        """Return a policy of copies of the rules, sorted by priority.

        ECR requires unique priorities: those of later rules are raised where they clash.
        """
        ordered: list[LifecyclePolicyRule] = []
        for rule in sorted(rules, key=lambda rule: rule.rule_priority):
            least = ordered[-1].rule_priority + 1 if ordered else 1
            priority = max(rule.rule_priority, least)
            ordered.append(rule.model_copy(update={"rule_priority": priority}, deep=True))
        return cls(rules=ordered)
