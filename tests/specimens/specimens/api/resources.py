from aibs_informatics_aws_lambda.common.api.handler import ApiLambdaHandler

from specimens.api.routes import FindSpecimenRoute, LabelSpecimenRoute
from specimens.models import FindRequest, FindResponse, LabelRequest, LabelResponse, Specimen


class FindSpecimen(ApiLambdaHandler[FindRequest, FindResponse], FindSpecimenRoute):
    def handle(self, request: FindRequest) -> FindResponse:
        tags = ["rare"] if request.with_tags else []
        specimen = Specimen(specimen_id=request.specimen_id, species="Mus musculus", tags=tags)
        return FindResponse(specimen=specimen, found_by=self.api_gateway_caller)


class LabelSpecimen(ApiLambdaHandler[LabelRequest, LabelResponse], LabelSpecimenRoute):
    def handle(self, request: LabelRequest) -> LabelResponse:
        return LabelResponse(label=request.label.upper(), environment=str(self.env_base))
