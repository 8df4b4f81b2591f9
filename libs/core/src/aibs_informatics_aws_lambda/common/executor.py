"""Executors: a typed request in, a typed response out, from and to anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .env import EnvBaseMixins
from .files import unwritable_reason, write_atomically
from .generics import REQUEST, RESPONSE, TypedExchange
from .handler_names import load_qualified_name
from .json_io import (
    JSON,
    JSONObject,
    as_json_object,
    dump_json_line,
    json_or_path,
    load_json_object,
)
from .logging import logger
from .s3 import S3Path, parse_location

if TYPE_CHECKING:
    from argparse import ArgumentParser


@dataclass
class BaseExecutor(EnvBaseMixins, TypedExchange[REQUEST, RESPONSE]):
    """Reads a request from anywhere, handles it, and writes the response anywhere.

    A subclass names its models, ``class Count(BaseExecutor[CountRequest, CountResponse])``, and
    writes `handle`.
    """

    def __post_init__(self) -> None:
        # Mixins may have one of their own, before or after this class.
        following = getattr(super(), "__post_init__", None)
        if following:
            following()

    def handle(self, request: REQUEST) -> RESPONSE | None:
        """Do the work. It is always called by keyword: the parameter is named ``request``."""
        raise NotImplementedError(f"{type(self).__name__} does not define handle(self, request)")

    @classmethod
    def get_executor_name(cls) -> str:
        """Return the name by which logs speak of this executor."""
        return cls.__name__

    @classmethod
    def build_from_env(cls, **kwargs: Any) -> BaseExecutor[REQUEST, RESPONSE]:
        """Make an instance for one run."""
        return cls(**kwargs)

    @classmethod
    def deserialize_request(cls, request: Any) -> REQUEST:
        """Make a request of anything that `load_input` takes; a request is returned as it is.

        Raises:
            ValidationError: the document does not fit the request model.
            ValueError: there is no JSON object to be had.
        """
        request_cls = cls.get_request_cls()
        if isinstance(request, request_cls):
            return request
        document = cls.load_input(request)
        if not isinstance(document, dict):
            raise ValueError(f"{cls.__name__} takes a JSON object, not {type(document).__name__}")
        try:
            return request_cls.from_dict(document)
        except Exception as error:
            logger.debug(
                "The request does not fit %s: %s", request_cls.__name__, type(error).__name__
            )
            raise

    @classmethod
    def serialize_response(cls, response: RESPONSE) -> JSONObject:
        """Return a response as a JSON object; raise `TypeError` where it is no model."""
        if not hasattr(response, "to_dict"):
            raise TypeError(
                f"{cls.__name__}.handle returned {type(response).__name__}, "
                f"expected {cls.get_response_cls().__name__} or None"
            )
        return response.to_dict()

    @classmethod
    def load_input(cls, input: Any) -> JSONObject:  # noqa: A002 - the name is part of the contract
        """Read a JSON object.

        Args:
            input: the object itself, JSON text of it, the URI of an S3 object or the path of a
                file that holds it. Text that is JSON is never taken for a path.

        Raises:
            ValueError: ``input`` is of another type, or leads to no JSON object.
        """
        if isinstance(input, dict):
            return input
        if isinstance(input, S3Path):
            return cls.load_input__remote(input)
        if isinstance(input, Path):
            return cls.load_input__file(input)
        if isinstance(input, str):
            return cls._load_text(input)
        raise ValueError(
            f"{cls.__name__} takes a JSON object, JSON text, an S3 URI or a path, "
            f"not {type(input).__name__}"
        )

    @classmethod
    def load_input__file(cls, path: Path) -> JSONObject:
        """Read a JSON object from a file; raise `ValueError` naming it where there is none."""
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
            path: an S3 URI, or a local file; missing folders are made.

        Raises:
            ValueError: the local path is a folder, or its folder is not writable.
        """
        place = parse_location(path)
        if isinstance(place, S3Path):
            cls.write_output__remote(output, place)
        else:
            cls.write_output__file(output, place)

    @classmethod
    def write_output__file(cls, output: JSON, local_path: Path) -> None:
        """Write ``output`` to a local file."""
        _check_writable(local_path)
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
        """Handle one request from anywhere.

        Args:
            input: anything that `deserialize_request` takes.
            output_location: where to write the response, if anywhere; ``{}`` stands for none.
            kwargs: arguments of the constructor.

        Returns:
            The response as a JSON object, or `None` if there is none.

        Raises:
            ValueError: there is no request to be had, or the output location is a local path that
                cannot be written to; nothing has been done.
        """
        if output_location is not None:
            _check_writable(parse_location(output_location))
        executor = cls.build_from_env(**kwargs)
        response = executor.handle(request=cls.deserialize_request(input))
        output = None if response is None else cls.serialize_response(response)
        if output_location is not None:
            if output is None:
                logger.warning(
                    "%s answered nothing: writing {} to %s",
                    cls.get_executor_name(),
                    output_location,
                )
            cls.write_output(output or {}, output_location)
        return output

    @classmethod
    def _load_text(cls, text: str) -> JSONObject:
        if text.startswith("s3://"):
            return cls.load_input__remote(S3Path(text))
        found = json_or_path(text)
        return cls.load_input__file(found) if isinstance(found, Path) else as_json_object(found)


def _check_writable(place: S3Path | Path) -> None:
    problem = unwritable_reason(place) if isinstance(place, Path) else None
    if problem:
        raise ValueError(f"cannot write to {str(place)!r}: {problem}")


def get_cli_parser() -> ArgumentParser:
    """Return the parser of the arguments that `run_cli_executor` takes."""
    import argparse

    parser = argparse.ArgumentParser(description="Run one executor on one request.")
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
    """Run an executor by command line arguments, by default those of the process.

    Raises:
        ValueError: the name that is given is not that of a `BaseExecutor` subclass.
    """
    options = get_cli_parser().parse_args(args)
    executor = load_qualified_name(options.executor)
    if not (isinstance(executor, type) and issubclass(executor, BaseExecutor)):
        raise ValueError(f"{options.executor} is not a subclass of {BaseExecutor.__name__}")
    executor.run_executor(options.input, options.output_location)
