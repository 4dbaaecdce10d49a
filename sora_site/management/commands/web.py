"""The web process: uvicorn over sora_site.asgi. `./sora up` starts it; containers may run it alone."""

from __future__ import annotations

import os
import socket
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sora_site.embedded.processes import EmbeddedServiceError
from sora_site.embedded.supervisor import listen


class Command(BaseCommand):
    help = "Serve HTTP and websockets (one process, or WEB_WORKERS of them)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", help="host:port (default: WEB_BIND)")
        parser.add_argument("--fd", type=int, help="a listening socket inherited from `up`")
        parser.add_argument("--workers", type=int, default=None, help="default: WEB_WORKERS")

    def handle(self, **options: Any) -> None:
        import uvicorn

        server_socket = _socket(options["fd"], options["bind"] or settings.WEB_BIND)
        config = uvicorn.Config(
            "sora_site.asgi:application",
            workers=options["workers"] or settings.WEB_WORKERS,
            log_config=None,  # the settings' LOGGING applies
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=settings.TRUSTED_PROXIES > 0,
            forwarded_allow_ips="*" if settings.TRUSTED_PROXIES > 0 else "127.0.0.1",
            timeout_graceful_shutdown=5,
            timeout_keep_alive=15,
            ws_max_size=64 * 1024,
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            h11_max_incomplete_event_size=64 * 1024,
        )
        server = uvicorn.Server(config)
        if config.workers > 1:
            from uvicorn.supervisors import Multiprocess

            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sora_site.settings")
            Multiprocess(config, target=server.run, sockets=[server_socket]).run()
        else:
            server.run(sockets=[server_socket])


def _socket(descriptor: int | None, bind: str) -> socket.socket:
    if descriptor is not None:
        return socket.socket(fileno=descriptor)
    host, _, port = bind.rpartition(":")
    try:
        return listen(host.strip("[]") or "127.0.0.1", int(port))
    except (EmbeddedServiceError, ValueError) as error:
        raise CommandError(str(error)) from error
