"""The provider of PyPI's oidc-provider-mock on a free port; its first line is its issuer."""

import oidc_provider_mock

ANNA = {
    "sub": "anna",
    "email": "anna@example.com",
    "email_verified": True,
    "name": "Анна Петрова",
    "groups": ["buh"],
}

user = oidc_provider_mock.User(sub="anna", claims={k: v for k, v in ANNA.items() if k != "sub"})
with oidc_provider_mock.run_server_in_thread(require_nonce=True, user_claims=[user]) as server:
    print(f"http://localhost:{server.server_port}", flush=True)
    input()
