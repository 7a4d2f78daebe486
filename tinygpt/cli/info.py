"""tinygpt info: what a report of a problem should say about the machine."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from tinygpt import __version__
from tinygpt.backend import DeviceError, gpu
from tinygpt.bench.sides import processor
from tinygpt.cli.settings import parse


@dataclass
class InfoCommand:
    """Versions, processor, BLAS and its threads, and whether a GPU can be used."""


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
    for pool in threadpoolctl.threadpool_info():
        kind = f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', '?')})"
        print(f"BLAS         {kind}, {pool['num_threads']} threads")
    try:
        cupy = gpu()
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        print(f"GPU          {name}: usable")
    except DeviceError as error:
        print(f"GPU          {error}")
