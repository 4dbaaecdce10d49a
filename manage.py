#!/usr/bin/env python
"""Django's command line inside the project's environment; `./sora manage ...` calls it."""

import os
import sys

# Commands that look after the services themselves, or need none.
WITHOUT_SERVICES = {
    "up", "web", "worker", "doctor", "bench", "generate", "verify",
    "help", "version", "--help", "--version", "-h", "check", "makemigrations", "collectstatic",
    "findstatic", "startapp", "startproject", "spectacular", "makemessages", "compilemessages",
    "diffsettings", "test", "testserver", "sqlmigrate",
}  # fmt: skip


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sora_site.settings")
    # Read when dramatiq is imported: a worker takes one message, it doesn't park a second behind it.
    os.environ.setdefault("dramatiq_queue_prefetch", "1")
    from sora_site.embedded import processes, services

    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    services.fill_environment()
    if command == "up":
        os.environ.setdefault("SORA_HASHED_STATIC", "1")  # `up` collects them before it serves
    from django.core.management import execute_from_command_line

    if command in WITHOUT_SERVICES or {"--help", "-h"} & set(sys.argv):
        execute_from_command_line(sys.argv)
        return
    try:
        with services.available(command):
            execute_from_command_line(sys.argv)
    except processes.EmbeddedServiceError as error:
        sys.exit(f"sora: {error}")


if __name__ == "__main__":
    main()
