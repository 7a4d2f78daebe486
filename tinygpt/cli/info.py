"""tinygpt info: what a report of a problem should say about the machine."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from tinygpt import __version__
from tinygpt.backend import DeviceError, gpu
from tinygpt.bench.sides import processor
from tinygpt.cli.settings import parse


@dataclass
class InfoCommand:
    """Versions, processor, BLAS and its threads, and whether a GPU can be used."""


def blas(pools: list[dict[str, Any]], built: Any) -> str:
    """Who multiplies matrices: the libraries that are loaded, else what NumPy was built with, else
    a warning. Without one everything still works, many times slower."""
    if pools:
        return "; ".join(
            f"{p['internal_api']} {p['version']} ({p.get('architecture', '?')}), "
            f"{p['num_threads']} threads"
            for p in pools
        )
    named = built.get("Build Dependencies", {}).get("blas", {})
    if named.get("found") and named.get("name") not in (None, "none", "auto"):
        return f"{named['name']} {named.get('version', '')}".strip()
    return (
        "none: this NumPy was built without one, and products of matrices are 10 to 100 times "
        "slower. `pip install --force-reinstall numpy` brings one with OpenBLAS"
    )


def info(argv: list[str]) -> None:
    import threadpoolctl

    parse(InfoCommand, argv, "info")
    print(f"tinygpt      {__version__}")
    print(f"Python       {platform.python_version()} ({platform.platform()})")
    for package in ("numpy", "cupy-cuda13x", "cupy-cuda12x"):
        try:
            print(f"{package:<12} {version(package)}")
        except PackageNotFoundError:
            continue
    print(f"processor    {processor()}, {os.cpu_count()} cores")
    pools = [p for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
    print(f"BLAS         {blas(pools, np.show_config(mode='dicts'))}")
    try:
        cupy = gpu()
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        print(f"GPU          {name}: usable")
    except DeviceError as error:
        print(f"GPU          {error}")
