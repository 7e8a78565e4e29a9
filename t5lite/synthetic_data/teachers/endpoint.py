"""A teacher behind an endpoint that speaks OpenAI's API, asked through the `openai` client."""

from __future__ import annotations

import dataclasses
import email.utils
import logging
import os
import time
import urllib.parse
from collections.abc import Sequence
from typing import Any

from t5lite.files import strict_json
from t5lite.messages.ranges import Count
from t5lite.messages.value_types import check_fields
from t5lite.synthetic_data.extras import check_installed
from t5lite.synthetic_data.teachers.requests import Choice, Reply, Request, about_tokens
from t5lite.synthetic_data.teachers.teacher import TeacherError

log = logging.getLogger(__name__)

URL_VARIABLE = "OPENAI_BASE_URL"
# Of status codes, what the next try may find otherwise.
_PASSING = {408: "408 timed out", 409: "409 conflict", 429: "429 too many requests"}


class Endpoint:
    """An OpenAI-compatible endpoint; each request is one call.

    The key is read from the environment, and stands in no message, file or setting.

    Attributes:
      name: The model's name there.
      batch_size: 1.
    """

    batch_size = 1

    def __init__(self, url: str, model: str, *, key_variable: str, timeout: float) -> None:
        """Connects to nothing yet.

        Args:
          url: Base URL, such as http://127.0.0.1:8000/v1.
          model: Its name at the endpoint.
          key_variable: Environment variable that holds the key; none is sent where it is not set.
          timeout: Seconds until a call without an answer has failed.

        Raises:
          ValueError: The URL is none, or holds a password or a query.
        """
        self.name = model
        self._url = checked_url(url)
        self._key_variable, self._key = key_variable, os.environ.get(key_variable, "").strip()
        self._timeout = timeout
        self._client: Any = None
        self._refuses_json_object = False

    async def reply(self, requests: Sequence[Request]) -> list[Reply | TeacherError]:
        """See `Teacher`."""
        return [await self._reply(request) for request in requests]

    async def close(self) -> None:
        """See `Teacher`."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _reply(self, request: Request) -> Reply | TeacherError:
        body = _body(request, self.name)
        if self._refuses_json_object:
            body.pop("response_format", None)
        result = await self._call(body, request)
        is_refused = isinstance(result, TeacherError) and result.is_final
        if is_refused and "response_format" in body:
            del body["response_format"]
            without = await self._call(body, request)
            if isinstance(without, Reply) and not self._refuses_json_object:
                self._refuses_json_object = True
                log.warning(
                    "%s takes no response_format (%s): it is asked for JSON in words alone",
                    self._url,
                    result,
                )
            return without
        return result

    async def _call(self, body: dict[str, Any], request: Request) -> Reply | TeacherError:
        client = self._connected()
        import openai

        api = client.completions if "prompt" in body else client.chat.completions
        headers = {} if self._key else {"Authorization": openai.omit}
        try:
            response = await api.with_raw_response.create(**body, extra_headers=headers)
            return self._read(response.text, request)
        except openai.APITimeoutError:
            return TeacherError("no answer in time")
        except openai.APIStatusError as error:
            return self._status_error(error)
        except openai.APIConnectionError as error:
            return TeacherError("no connection", said=self._safe(error.__cause__ or error))

    def _connected(self) -> Any:
        if self._client is None:
            check_installed("openai", extra="synthetic", purpose="asking an endpoint")
            import openai

            self._client = openai.AsyncOpenAI(
                base_url=self._url,
                api_key=self._key or "none",
                timeout=self._timeout,
                max_retries=0,  # `Asking` tries again, and counts.
            )
        return self._client

    def _read(self, text: str, request: Request) -> Reply | TeacherError:
        """Compares what came back with the shape that it has in OpenAI's API."""
        try:
            record = strict_json.loads(text, where="the answer", is_line=False)
            check_fields(record, {"choices": list[dict[str, Any]], "usage": dict}, name="it")
            choices = tuple(map(_choice, record.get("choices") or ()))
            usage = record.get("usage") or {}
            kinds = {"prompt_tokens": Count, "completion_tokens": Count}
            check_fields(usage, kinds, name="usage")
        except ValueError as error:
            found = f"{error}; it begins with {text[:60]!r}; is --teacher a base URL, with its /v1?"
            return TeacherError("not what OpenAI's API answers", said=self._safe(found))
        if not choices:
            return TeacherError("no choices in the answer")
        written = sum(about_tokens(choice.text) for choice in choices)
        prompt_tokens = usage.get("prompt_tokens")
        completion_tokens = usage.get("completion_tokens")
        return Reply(
            choices[: request.n],
            request.count_tokens() if prompt_tokens is None else prompt_tokens,
            written if completion_tokens is None else completion_tokens,
        )

    def _status_error(self, error: Any) -> TeacherError:
        """What a status other than 200 means.

        Raises:
          ValueError: No request will be answered.
        """
        status = error.status_code
        said = self._safe(error.message.removeprefix(f"Error code: {status} - "))
        variable = self._key_variable
        if status in (401, 403):
            found = f"the key in ${variable}" if self._key else f"a call without a key: ${variable}"
            found += "" if self._key else " is not set"
            raise ValueError(
                f"{self._url} refuses {found} ({status}: {said}). Set ${variable}, or name the "
                "variable that has the key with --api_key_variable."
            )
        if status == 404:
            raise ValueError(
                f"{self._url} knows no model {self.name!r}, or is no base URL ({status}: {said}). "
                "Give --teacher_model as the endpoint calls it, and --teacher with its /v1."
            )
        if status == 402 or error.code == "insufficient_quota":
            raise ValueError(f"{self._url}: this key's credit is spent ({status}: {said})")
        if status in _PASSING or status >= 500:
            kind = _PASSING.get(status, f"{status} error of the endpoint")
            return TeacherError(kind, retry_after=_retry_after(error.response.headers), said=said)
        return TeacherError(f"{status} request refused", said=said, is_final=True)

    def _safe(self, message: object) -> str:
        """A message of others in one line, cut, and without the key."""
        text = " ".join(str(message).split())
        if self._key:
            text = text.replace(self._key, "[key]")
        return text if len(text) <= 200 else f"{text[:200]}..."


def checked_url(url: str) -> str:
    """A base URL that may stand in settings and messages.

    Raises:
      ValueError: It is none of http or https, or holds a password or a query, where a key may be.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        is_known = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_known = is_known and (parts.port is None or parts.port > 0)
    except ValueError:
        is_known, parts = False, urllib.parse.urlsplit("")
    if parts.username or parts.password or parts.query:
        raise ValueError(
            "--teacher: a URL with a user, a password or a query may hold a key, and settings are "
            "written. Give the URL without; the key goes into the variable of --api_key_variable."
        )
    if not is_known:
        raise ValueError(f"--teacher={url}: no URL such as http://127.0.0.1:8000/v1")
    return url.rstrip("/")


def _body(request: Request, model: str) -> dict[str, Any]:
    """A request as the API has it; settings that are as the API takes them anyway are left out."""
    body: dict[str, Any] = {
        "model": model,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.max_tokens,
    }
    if request.prompt is None:
        body["messages"] = [dataclasses.asdict(turn) for turn in request.messages]
    else:
        body["prompt"] = request.prompt
    if request.stop:
        body["stop"] = list(request.stop)
    for name in ("presence_penalty", "frequency_penalty"):
        if getattr(request, name):
            body[name] = getattr(request, name)
    if request.n > 1:
        body["n"] = request.n
    if request.json_object and request.prompt is None:
        body["response_format"] = {"type": "json_object"}
    return body


def _choice(record: dict[str, Any]) -> Choice:
    """One choice of a chat completion, or of a completion.

    Raises:
      ValueError: It has another shape.
    """
    hints = {"message": dict[str, Any], "text": str, "finish_reason": str}
    check_fields(record, hints, name="choices")
    holder, field = (
        (record, "text") if record.get("message") is None else (record["message"], "content")
    )
    check_fields(holder, {field: str}, name="choices")
    return Choice(holder.get(field) or "", was_cut=record.get("finish_reason") == "length")


def _retry_after(headers: Any) -> float | None:
    """Seconds of a Retry-After header, which has a number or a date; None where it has neither."""
    text = headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if seconds < float("inf") else None
