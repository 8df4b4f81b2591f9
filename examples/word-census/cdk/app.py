"""The function in the AWS CDK: run `cdk deploy -c bucket=NAME` in this folder."""

from aws_cdk import App, Duration, Stack, aws_lambda, aws_s3

ARCHIVE = "../dist/word_census-0.1.0.zip"


class WordCensus(Stack):
    def __init__(self, app: App) -> None:
        super().__init__(app, "WordCensus")
        function = aws_lambda.Function(
            self,
            "WordCensus",
            code=aws_lambda.Code.from_asset(ARCHIVE),
            handler="word_census.handler",
            runtime=aws_lambda.Runtime.PYTHON_3_13,
            architecture=aws_lambda.Architecture.ARM_64,
            memory_size=512,
            timeout=Duration.minutes(1),
        )
        bucket = aws_s3.Bucket.from_bucket_name(self, "Texts", app.node.get_context("bucket"))
        bucket.grant_read(function)


app = App()
WordCensus(app)
app.synth()
