"""Executors: typed requests and responses, as JSON text, in local files or in S3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic_core import PydanticSerializationError

from .documents import check_writable, parse_document, parse_location
from .env import EnvBaseMixins
from .files import write_atomically
from .generics import REQUEST, RESPONSE, TypedExchange
from .handler_names import load_qualified_name
from .json_check import check_depth, check_response, unserializable
from .json_io import JSON, JSONObject, as_json_object, dump_json_line, load_json_object
from .logging import logger
from .middleware import Middleware, call_handler, flush_middlewares
from .s3 import S3Path

if TYPE_CHECKING:
    from argparse import ArgumentParser


@dataclass
class BaseExecutor(EnvBaseMixins, TypedExchange[REQUEST, RESPONSE]):
    """Reads a request, handles it, and writes the response.

    A subclass names its models, ``class Count(BaseExecutor[CountRequest, CountResponse])``, and
    defines `handle`.
    """

    middlewares: ClassVar[Sequence[Middleware]] = ()
    """The middleware around every call of `handle`, the outermost first."""

    def __post_init__(self) -> None:
        # Mixins before or after this class may have one of their own.
        following = getattr(super(), "__post_init__", None)
        if following:
            following()

    def handle(self, request: REQUEST) -> RESPONSE | None:
        """Handle a request. The parameter must be named ``request``: it is passed by keyword."""
        raise NotImplementedError(f"{type(self).__name__} does not define handle(self, request)")

    @classmethod
    def get_executor_name(cls) -> str:
        """Return the name of this executor in logs."""
        return cls.__name__

    @classmethod
    def build_from_env(cls, **kwargs: Any) -> BaseExecutor[REQUEST, RESPONSE]:
        """Return an instance for one run."""
        return cls(**kwargs)

    @classmethod
    def deserialize_request(cls, request: Any) -> REQUEST:
        """Return the request in anything that `load_input` reads; return a request unchanged.

        A model of another class is read as its `to_dict`.

        Raises:
            ValidationError: the document does not fit the request model.
            ValueError: the input is not a JSON object.
        """
        request_cls = cls.get_request_cls()
        if isinstance(request, request_cls):
            return request
        document = cls.load_input(request.to_dict() if hasattr(request, "to_dict") else request)
        if not isinstance(document, dict):
            raise ValueError(
                f"{cls.__name__} expects a JSON object, got {type(document).__name__}"
            )
        check_depth(document)
        try:
            return request_cls.from_dict(document)
        except Exception as error:
            logger.debug(
                "The request does not fit %s: %s", request_cls.__name__, type(error).__name__
            )
            raise

    @classmethod
    def serialize_response(cls, response: RESPONSE) -> JSONObject:
        """Return a response as a JSON object.

        Raises:
            TypeError: the response is not a model.
            ValidationError: a field cannot be written as JSON; the message has its path.
        """
        if not hasattr(response, "to_dict"):
            raise TypeError(
                f"{cls.__name__}.handle returned {type(response).__name__}, "
                f"expected {cls.get_response_cls().__name__} or None"
            )
        try:
            return response.to_dict()
        except PydanticSerializationError as error:
            raise unserializable(response, error) from error

    @classmethod
    def load_input(cls, input: Any) -> JSONObject:  # noqa: A002 - the name is part of the contract
        """Read a JSON object.

        Args:
            input: a JSON object, its JSON text, or the S3 URI or local path of a file with it.
                JSON text is never used as a path.

        Raises:
            ValueError: ``input`` is of another type, or is not a JSON object.
        """
        if isinstance(input, dict):
            return input
        if not isinstance(input, str | Path):
            raise ValueError(
                f"{cls.__name__} expects a JSON object, JSON text, an S3 URI or a path, "
                f"got {type(input).__name__}"
            )
        document = input if isinstance(input, S3Path | Path) else parse_document(input)
        if isinstance(document, S3Path):
            return cls.load_input__remote(document)
        if isinstance(document, Path):
            return cls.load_input__file(document)
        return as_json_object(document)

    @classmethod
    def load_input__file(cls, path: Path) -> JSONObject:
        """Read a JSON object from a file; raise `ValueError` if the file has none."""
        return load_json_object(path)

    @classmethod
    def load_input__remote(cls, remote_path: S3Path) -> JSONObject:
        """Read a JSON object from S3."""
        raise NotImplementedError(f"{cls.__name__} does not read from S3")

    @classmethod
    def write_output(cls, output: JSON, path: str | Path) -> None:
        """Write ``output`` as one line of JSON with sorted keys, whole or not at all.

        Args:
            output: the document.
            path: an S3 URI or a local file; missing directories are created.

        Raises:
            ValueError: the local path is a directory, or its directory is not writable.
        """
        location = parse_location(path)
        if isinstance(location, S3Path):
            cls.write_output__remote(output, location)
        else:
            cls.write_output__file(output, location)

    @classmethod
    def write_output__file(cls, output: JSON, local_path: Path) -> None:
        """Write ``output`` to a local file."""
        check_writable(local_path)
        local_path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(local_path, dump_json_line(output))

    @classmethod
    def write_output__remote(cls, output: JSON, remote_path: S3Path) -> None:
        """Write ``output`` to S3."""
        raise NotImplementedError(f"{cls.__name__} does not write to S3")

    @classmethod
    def run_executor(
        cls,
        input: Any,  # noqa: A002 - the name is part of the contract
        output_location: str | Path | None = None,
        **kwargs: Any,
    ) -> JSONObject | None:
        """Handle one request.

        Args:
            input: anything that `deserialize_request` reads.
            output_location: an S3 URI or a local file for the response. ``{}`` is written if the
                handler returns `None`.
            kwargs: arguments of the constructor.

        Returns:
            The response as a JSON object, or `None` if there is none.

        Raises:
            ValueError: the request is invalid, or the output location is a local path that cannot
                be written to; `handle` has not been called.
            ValidationError: the response cannot be written as JSON; the message has the path of
                the field.
        """
        if output_location is not None:
            check_writable(parse_location(output_location))
        executor = cls.build_from_env(**kwargs)
        try:
            response = call_handler(executor, cls.deserialize_request(input))
        finally:
            flush_middlewares(cls)
        output = None if response is None else cls.serialize_response(response)
        check_response(output)
        if output_location is not None:
            if output is None:
                logger.warning(
                    "%s returned no response: writing {} to %s",
                    cls.get_executor_name(),
                    output_location,
                )
            cls.write_output(output or {}, output_location)
        return output


def get_cli_parser() -> ArgumentParser:
    """Return the parser of the arguments of `run_cli_executor`."""
    import argparse

    parser = argparse.ArgumentParser(
        description="Run one executor on one request.", allow_abbrev=False
    )
    parser.add_argument(
        "--executor",
        required=True,
        metavar="NAME",
        help="qualified name of a BaseExecutor subclass, such as package.module.Class",
    )
    parser.add_argument(
        "--input",
        "--request",
        "-i",
        required=True,
        metavar="REQUEST",
        help="JSON text, an S3 URI, or a local path",
    )
    parser.add_argument(
        "--output-location",
        "--response-location",
        "-o",
        metavar="LOCATION",
        help="S3 URI or local file for the response",
    )
    return parser


def run_cli_executor(args: Sequence[str] | None = None) -> None:
    """Run an executor with command line arguments, by default those of the process.

    Raises:
        ValueError: the name is not that of a `BaseExecutor` subclass.
    """
    options = get_cli_parser().parse_args(args)
    executor = load_qualified_name(options.executor)
    if not (isinstance(executor, type) and issubclass(executor, BaseExecutor)):
        raise ValueError(f"{options.executor} is not a subclass of {BaseExecutor.__name__}")
    executor.run_executor(options.input, options.output_location)
