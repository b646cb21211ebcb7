# SPDX-License-Identifier: Apache-2.0
"""Chromium without a window, by its DevTools protocol over two pipes."""

import base64
import json
import os
import subprocess

import support


class Browser:
    """One page. What goes wrong in it is in `complaints`, what it asks for in
    `requests`."""

    def __init__(self, directory, program='chromium'):
        self.complaints, self.requests = [], []
        self._id, self._rest = 0, b''
        theirs_in, self._write = os.pipe()
        self._read, theirs_out = os.pipe()
        # The protocol's descriptors are 3 and 4.
        self._process = subprocess.Popen(
            ['bash', '-c', f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', 'bash',
             program, '--headless', '--no-sandbox', '--disable-gpu',
             '--disable-dev-shm-usage', '--no-first-run',
             '--remote-debugging-pipe',
             '--user-data-dir=' + os.path.join(directory, 'chromium')],
            pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=dict(support.ENVIRONMENT, HOME=directory))
        os.close(theirs_in)
        os.close(theirs_out)
        self._session = None
        target = self.call('Target.createTarget', url='about:blank')
        self._session = self.call('Target.attachToTarget', flatten=True,
                                  targetId=target['targetId'])['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(domain + '.enable')

    def forget(self):
        """What was before: another page, without complaints."""
        self.call('Page.navigate', url='about:blank')
        self.call('Emulation.setEmulatedMedia', features=[])
        support.poll_until(lambda: self.value('document.URL') == 'about:blank',
                           'the page before is gone')
        self.complaints.clear()
        self.requests.clear()

    def call(self, method, **parameters):
        self._id += 1
        message = {'id': self._id, 'method': method, 'params': parameters}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._write, json.dumps(message).encode() + b'\0')
        while True:
            answer = self._next()
            if answer.get('id') == self._id:
                assert 'error' not in answer, (method, answer)
                return answer['result']

    def _next(self):
        while b'\0' not in self._rest:
            octets = os.read(self._read, 1 << 16)
            assert octets, 'the browser has ended'
            self._rest += octets
        message, self._rest = self._rest.split(b'\0', 1)
        message = json.loads(message)
        method = message.get('method')
        if method in ('Runtime.exceptionThrown', 'Log.entryAdded'):
            self.complaints.append(message['params'])
        elif method == 'Network.requestWillBeSent':
            self.requests.append(message['params']['request']['url'])
        return message

    def open(self, url, width=1280, height=800):
        self.call('Emulation.setDeviceMetricsOverride', width=width,
                  height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call('Page.navigate', url=url)

    def value(self, expression):
        result = self.call('Runtime.evaluate', expression=expression,
                           returnByValue=True, awaitPromise=True)
        assert 'exceptionDetails' not in result, result
        return result['result'].get('value')

    def screenshot(self, path):
        shot = self.call('Page.captureScreenshot', captureBeyondViewport=True)
        with open(path, 'wb') as file:
            file.write(base64.b64decode(shot['data']))

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)
