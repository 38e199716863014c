"""Plain values from YAML, read safely and as people mean it."""

from __future__ import annotations

import re
from typing import Any

import yaml

from spikedistill.core.errors import SpikedistillError


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: `off` and `no` are words, `1e-3` is a number, no key comes twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys are all different.

        Raises:
            yaml.constructor.ConstructorError: if they are not.
        """
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                mark = node.value[number][0].start_mark
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands here for the second time", mark
                )
        return super().construct_mapping(node, deep)


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
        what = "this is not YAML"
        if isinstance(error, yaml.constructor.ConstructorError):
            what = "this is more than plain values, or contradicts itself"
        raise SpikedistillError(f"{source}{where}: {what}: {problem}") from error
    finally:
        if loader is not None:
            loader.dispose()
