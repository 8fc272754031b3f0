"""A taken port is found before a server is started."""

import socket

import pytest

from faceseg.errors import UserError
from pipelines.cluster.ports import check_port


def test_a_port_in_use_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match="another program uses it"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)
