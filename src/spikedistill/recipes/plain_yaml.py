"""Plain values from YAML, read safely and as people mean it."""

from __future__ import annotations

import re
from typing import Any

import yaml

from spikedistill.core.errors import SpikedistillError


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: `off` and `no` are words, `1e-3` is a number."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers
            if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:float")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}  # fmt: skip
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.(?:inf|nan))$"),
    list("-+0123456789."),
)


def read_yaml(text: str, source: str) -> Any:
    """Plain values from YAML.

    Raises:
        SpikedistillError: if it is not YAML, or asks for anything but plain values.
    """
    loader = None
    try:
        loader = _Loader(text)  # of the safe kind: plain values only
        return loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SpikedistillError(f"{source}{where}: this is not YAML: {problem}") from error
    finally:
        if loader is not None:
            loader.dispose()
