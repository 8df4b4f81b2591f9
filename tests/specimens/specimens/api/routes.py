from aibs_informatics_core.models.api.route import ApiRoute

from specimens.models import FindRequest, FindResponse, LabelRequest, LabelResponse


class FindSpecimenRoute(ApiRoute[FindRequest, FindResponse]):
    @classmethod
    def route_rule(cls) -> str:
        return "/specimens/<specimen_id>"

    @classmethod
    def route_method(cls) -> str:
        return "GET"


class LabelSpecimenRoute(ApiRoute[LabelRequest, LabelResponse]):
    @classmethod
    def route_rule(cls) -> str:
        return "/specimens/<specimen_id>/labels"

    @classmethod
    def route_method(cls) -> str:
        return "POST"
