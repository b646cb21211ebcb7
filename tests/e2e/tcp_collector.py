# SPDX-License-Identifier: Apache-2.0
"""A collector by TCP that keeps all it gets."""

import contextlib
import socket
import threading

from kernel import inside


class Collector:
    """Takes what comes to its port, from any number of connections."""

    def __init__(self, port=0, namespace=None):
        with inside(namespace) if namespace else contextlib.nullcontext():
            self._server = socket.create_server(('127.0.0.1', port))
        self.port = self._server.getsockname()[1]
        self.url = f'tcp://127.0.0.1:{self.port}'
        self._streams = []
        self._threads = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            stream = bytearray()
            self._streams.append(stream)
            self._threads.append(threading.Thread(
                target=self._read, args=(connection, stream)))
            self._threads[-1].start()

    @staticmethod
    def _read(connection, stream):
        with connection:
            while octets := connection.recv(1 << 20):
                stream += octets

    def close(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._accepting.join()

    def connections(self):
        return len(self._streams)

    def streams(self):
        """The octets of each connection, once the exporter has ended."""
        for thread in self._threads:
            thread.join()
        return [bytes(stream) for stream in self._streams]
