"""What a person and an administrator do while a foreign program logs a user in."""

import sys
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

EMAIL, PASSWORD = "anna@example.com", "gentle otters sing at noon"
ADMIN = {"email": "admin@example.com", "password": "administrator of this check"}


class Form(HTMLParser):
    """The first form of a page: where it goes, and its hidden fields."""

    def __init__(self, html):
        super().__init__()
        self.action, self.fields, self.open = None, {}, False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.action is None:
            self.action, self.open = attributes["action"], True
        elif tag == "input" and self.open and attributes.get("type") == "hidden":
            self.fields[attributes["name"]] = attributes["value"]

    def handle_endtag(self, tag):
        if tag == "form":
            self.open = False


def submit(browser, page, **fields):
    form = Form(page.text)
    assert form.action, page.text
    return browser.post(urljoin(page.url, form.action), data={**form.fields, **fields}, allow_redirects=False)


def follow(browser, answer, until):
    """Goes where the browser is sent, answers our pages, and stops at an address that begins so."""
    for _ in range(20):
        if answer.is_redirect or answer.status_code == 303:
            address = urljoin(answer.url, answer.headers["location"])
            if address.startswith(until):
                return address
            answer = browser.get(address, allow_redirects=False)
        elif 'name="password"' in answer.text:
            answer = submit(browser, answer, email=EMAIL, password=PASSWORD)
        elif 'value="allow"' in answer.text:
            answer = submit(browser, answer, answer="allow")
        else:
            raise AssertionError(f"{answer.status_code} {answer.url}\n{answer.text}")
    raise AssertionError("sent from one page to the next without an end")


def admin_token(issuer):
    answer = requests.post(f"{issuer}/auth/login", json=ADMIN)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def call_as_administrator(issuer, path, body):
    headers = {"Authorization": f"Bearer {admin_token(issuer)}"}
    answer = requests.post(f"{issuer}{path}", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def register(issuer, client_id, redirect_uri, **more):
    body = {"client_id": client_id, "redirect_uris": [redirect_uri], **more}
    return call_as_administrator(issuer, "/oauth2/clients", body)


def register_user(issuer):
    body = {"email": EMAIL, "password": PASSWORD, "name": "Анна Петрова"}
    answer = requests.post(f"{issuer}/auth/register", json=body)
    assert answer.status_code in (201, 202, 409), answer.text


def visit(address):
    """Opens a page that Apache shows to users only."""
    browser = requests.Session()
    answer = browser.get(address, allow_redirects=False)
    assert answer.status_code == 302, f"{answer.status_code}: Apache lets strangers in"
    back = follow(browser, answer, urljoin(address, "back?"))
    page = browser.get(back)
    assert (page.status_code, page.url) == (200, address), f"{page.status_code} {page.url}\n{page.text}"
    assert "what only users see" in page.text
    print(f"a browser without a login was sent away, came back logged in and got {page.status_code}")


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "register":
        print(register(*arguments)["client_secret"])
    else:
        visit(*arguments)
