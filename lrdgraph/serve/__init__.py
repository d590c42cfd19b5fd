"""A kept model behind HTTP: recommend, explain, walk; the extra ``serve``."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path

import torch

try:
    import uvicorn

    from lrdgraph.serve.app import make_app
except ModuleNotFoundError as error:
    if error.name and error.name.startswith("lrdgraph"):
        raise
    raise ModuleNotFoundError(
        f"serving needs {error.name!r} (got none): pip install lrdgraph[serve]",
        name=error.name,
    ) from error

from lrdgraph.models import LRDRec

__all__ = ["make_app", "serve"]

_CONNECTIONS = 512  # at a time, which bounds the memory that bodies may take
_MAX_PORT = 65535
_GRACE = 15  # seconds for requests to end after the signal to stop


def serve(model_folder: str | Path, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve a kept model until the process is asked to stop.

    Requests under way are answered before it stops.

    Args:
        model_folder: A folder that ``save_pretrained`` wrote, or a repository of the
            Hugging Face hub.
        host: Address to listen on; anybody who reaches it may ask.
        port: Port to listen on.

    Raises:
        FileNotFoundError: If there is no such model.
        OSError: If nobody can listen there, as where somebody does already.
        ValueError: If it cannot be read, or needs to know when items were bought, or if
            there is no such port.
    """
    if not 0 <= port <= _MAX_PORT:
        raise ValueError(f"'port' needs to be from 0 to {_MAX_PORT} (got {port})")
    _check_free(host, port)
    # Shapes are hardly ever those of an earlier request. oneDNN would keep a kernel for
    # each, 1024 of them, and memory would grow for thousands of requests.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    app = make_app(LRDRec.from_pretrained(model_folder))
    torch.set_num_threads(1)  # requests run side by side, not the parts of one
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,  # would note ids; the service notes what it may
        server_header=False,
        # Not what happens to be installed: another parser of HTTP has no limit for
        # headers, and what speaks WebSocket notes addresses.
        http="h11",
        ws="none",
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE,
    )


def _check_free(host: str, port: int) -> None:
    """Before the model is loaded, and in a line, where uvicorn logs and exits."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise OSError(f"'{host}' port {port} is not to be had: {error}") from error
