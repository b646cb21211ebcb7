#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The status page in a browser. SCREENSHOTS=DIRECTORY keeps pictures of it."""

import os
import shutil
import sys
import tempfile

import support
from browser import Browser
from status_test import FromPipe, SAMPLE_CAPTURE
from support import EndToEnd, needs, poll_until

MARKUP = '<img src=x onerror=document.title="run">.ipfix'


@needs('chromium')
class StatusPage(EndToEnd):

    @classmethod
    def setUpClass(cls):
        directory = tempfile.mkdtemp(prefix='spanfix-browser-')
        cls.addClassCleanup(shutil.rmtree, directory, ignore_errors=True)
        cls.browser = Browser(directory)
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        super().setUp()
        self.browser.forget()
        self.run_ = FromPipe(self, '-w', MARKUP, '--idle-timeout-tcp', 1,
                             cwd=self.directory)
        with open(SAMPLE_CAPTURE, 'rb') as file:
            self.run_.write(file.read())
        self.client = self.run_.client()

        def begun():
            metrics = self.client.metrics()
            return (metrics.sum('packets_seen_total') and
                    metrics.sum('collector_up'))
        poll_until(begun, 'packets are seen, and the collector is known')
        self.url = f'http://127.0.0.1:{self.run_.port}/'

    def open(self, *size):
        self.browser.open(self.url, *size)
        poll_until(lambda: self.browser.value(
            'document.getElementById("state")?.textContent') == 'healthy',
            'the page shows the run')

    def keep(self, name):
        if directory := os.environ.get('SCREENSHOTS'):
            self.browser.screenshot(os.path.join(directory, name + '.png'))

    def shown(self, selector):
        """The number behind what is shown."""
        return float(self.browser.value(
            f'document.querySelector({selector!r})?.dataset.value') or 'nan')

    NUMBERS = {
        '[data-name=packets-seen]': 'packets_seen_total',
        '[data-name=packets-in-records]': 'packets_in_records_total',
        '[data-name=packets-in-live-flows]': 'packets_in_live_flows',
        '[data-name=packets-left-out]': 'packets_left_out_total',
        '#flows-live': 'flows_live',
        '#drops': 'packets_dropped_total',
        '#collectors [data-name=sent]': 'collector_records_sent_total',
        '#collectors [data-name=queued]': 'collector_records_queued',
        '#collectors [data-name=dropped]': 'collector_records_dropped_total'}

    def test_its_numbers_are_those_of_the_metrics(self):
        self.open()
        shown = expected = None

        def agree():  # the page is a little behind
            nonlocal shown, expected
            metrics = self.client.metrics()
            ended = metrics.by('flows_ended_total', 'cause')
            expected = {selector: metrics.sum(name)
                        for selector, name in self.NUMBERS.items()}
            expected |= {f'[data-name=ended-{cause}]': count
                         for cause, count in ended.items()}
            shown = {selector: self.shown(selector) for selector in expected}
            return shown == expected and expected['#flows-live'] and (
                expected['#collectors [data-name=queued]'])
        try:
            poll_until(agree, 'the page agrees')
        except AssertionError:
            self.assertEqual(shown, expected)
            raise
        self.assertGreater(self.browser.value(
            'document.querySelectorAll("#hosts tbody th").length'), 3)
        self.keep('wide')

    def test_it_asks_for_nothing_elsewhere_and_nothing_is_refused(self):
        self.open()
        poll_until(lambda: self.browser.value('1') and self.browser.requests
                   .count(self.url + 'status.json') > 2, 'it follows the run')
        self.assertEqual(set(self.browser.requests) - {'data:,'},
                         {self.url, self.url + 'status.json'})
        # A page before may complain late that its server is gone.
        self.assertEqual([complaint for complaint in self.browser.complaints
                          if 'http' not in str(complaint) or
                          self.url in str(complaint)], [])

    def test_names_are_text(self):
        self.open()
        self.assertEqual(self.browser.value(
            'document.querySelector("#collectors tbody th").textContent'),
            MARKUP)
        self.assertEqual(self.browser.value('document.images.length'), 0)
        self.assertEqual(self.browser.value('document.title').strip(),
                         'spanfix')

    SHOW_WRONGS = """
        fetch('status.json').then(answer => answer.json()).then(status => {
          status.findings = [{name: 'duplicates', interface: 'eth1', severity: 'error',
                              sentence: 'Half of <b>all</b> are copies.'}];
          status.troubles = ["interface 'eth1' is lost"];
          show(status);
          return ['findings', 'troubles', 'state'].map(
            id => [$(id).hidden, $(id).innerText.split('\\n').pop()]);
        })"""

    def test_what_is_wrong_is_shown_first_and_what_is_not_is_not(self):
        self.open()
        for name in ('findings', 'troubles'):
            self.assertTrue(self.browser.value(f'$("{name}").hidden'))
        self.assertEqual(self.browser.value(self.SHOW_WRONGS), [
            [False, 'eth1: Half of <b>all</b> are copies.'],
            [False, "interface 'eth1' is lost"], [False, 'not healthy']])
        self.keep('wrongs')

    def test_a_phone_shows_it_without_scrolling_sideways(self):
        for width in (320, 360, 390):
            self.open(width, 844)
            self.assertLessEqual(
                self.browser.value('document.documentElement.scrollWidth'),
                width)
        self.keep('phone')

    def test_it_is_dark_where_that_is_wanted(self):
        colors = []
        for scheme in ('light', 'dark'):
            self.browser.call('Emulation.setEmulatedMedia', features=[
                {'name': 'prefers-color-scheme', 'value': scheme}])
            self.open(390, 844)
            self.keep(scheme)
            colors.append(sum(map(int, self.browser.value(
                'getComputedStyle(document.body).backgroundColor.slice(4, -1)')
                .split(','))))
        light, dark = colors
        self.assertGreater(light, 600)
        self.assertLess(dark, 150)

    def test_tables_have_headings_for_those_who_cannot_see_them(self):
        self.open()
        for broken in ('table:not(:has(caption))', 'table:not(:has(thead th))',
                       'th:not([scope])', 'svg[role=img]:not(:has(title))',
                       'section h2:empty'):
            self.assertEqual(self.browser.value(
                f'document.querySelectorAll({broken!r}).length'), 0, broken)

    def test_it_says_when_nobody_answers_any_more(self):
        self.open()
        self.run_.close()
        poll_until(lambda: self.browser.value(
            'document.getElementById("state").textContent') ==
            'no answer from spanfix', 'the page says so')


if __name__ == '__main__':
    sys.exit(support.main())
