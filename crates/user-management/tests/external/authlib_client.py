"""authlib goes all the way of a program that logs its user in with us, and of one that acts for nobody."""

import sys

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken

from browser import EMAIL, call_as_administrator, follow, register, register_user

REDIRECT_URI = "http://localhost:9/callback"
SCOPE = "openid profile email groups offline_access"


def log_in(metadata, session):
    verifier, nonce = generate_token(64), generate_token(32)
    address, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    browser = requests.Session()
    back = follow(browser, browser.get(address, allow_redirects=False), REDIRECT_URI)
    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=back, code_verifier=verifier, state=state
    )
    return token, nonce, back, verifier


def check_id_token(metadata, token, client_id, nonce):
    keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"]).json())
    claims = jwt.decode(
        token["id_token"],
        keys,
        claims_cls=CodeIDToken,
        claims_options={"iss": {"value": metadata["issuer"], "essential": True}, "aud": {"value": client_id}},
        claims_params={"nonce": nonce, "client_id": client_id, "access_token": token["access_token"]},
    )
    claims.validate()
    return claims


def serve_itself(issuer, metadata):
    """A service account by a secret, and by keys of each kind that authlib signs with."""
    ways = [("client_secret_basic", None, None), ("client_secret_post", None, None)]
    for algorithm, kind, size in [("RS256", "RSA", 2048), ("ES256", "EC", "P-256"), ("EdDSA", "OKP", "Ed25519")]:
        ways.append(("private_key_jwt", algorithm, JsonWebKey.generate_key(kind, size, is_private=True)))
    for number, (method, algorithm, key) in enumerate(ways):
        account = {
            "name": "authlib", "client_id": f"machine-{number}", "permissions": ["chat", "reports"],
            "token_endpoint_auth_method": method,
        }
        if key:
            account["jwks"] = {"keys": [key.as_dict(is_private=False)]}
        made = call_as_administrator(issuer, "/service-accounts", account)
        session = OAuth2Session(
            made["client_id"],
            key.as_dict(is_private=True) if key else made["client_secret"],
            token_endpoint_auth_method=PrivateKeyJWT(metadata["token_endpoint"], alg=algorithm) if key else method,
        )
        token = session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials", scope="chat")
        assert token["scope"] == "chat" and "refresh_token" not in token, token
        refused = session.get(f"{issuer}/users/me")
        assert refused.status_code == 403, refused.text
        told = session.introspect_token(metadata["introspection_endpoint"], token=token["access_token"]).json()
        assert told["active"] and told["sub"] == made["id"], told
        print(f"client_credentials by {method} {algorithm or ''}".rstrip() + ": token, introspection")


def main(issuer):
    register_user(issuer)
    metadata = requests.get(f"{issuer}/.well-known/openid-configuration").json()
    assert metadata["issuer"] == issuer
    for method in ["client_secret_basic", "client_secret_post"]:
        client = register(
            issuer, f"authlib-{method.rsplit('_', 1)[1]}", REDIRECT_URI, scope=SCOPE, token_endpoint_auth_method=method
        )
        session = OAuth2Session(
            client["client_id"],
            client["client_secret"],
            token_endpoint_auth_method=method,
            redirect_uri=REDIRECT_URI,
            scope=SCOPE,
            code_challenge_method="S256",
        )
        token, nonce, back, verifier = log_in(metadata, session)
        claims = check_id_token(metadata, token, client["client_id"], nonce)
        assert claims["email"] == EMAIL and isinstance(claims["email_verified"], bool), claims
        userinfo = session.get(metadata["userinfo_endpoint"]).json()
        assert userinfo["sub"] == claims["sub"] and userinfo["groups"] == ["user"], userinfo
        print(f"{method}: code, PKCE, {claims.header['alg']} ID token of {userinfo['name']}, userinfo")

        first = token["refresh_token"]
        token = session.refresh_token(metadata["token_endpoint"])
        assert token["refresh_token"] != first
        check_id_token(metadata, token, client["client_id"], None)
        told = session.introspect_token(metadata["introspection_endpoint"], token=token["access_token"]).json()
        assert told["active"] and told["client_id"] == client["client_id"], told
        gone = session.revoke_token(metadata["revocation_endpoint"], token=token["refresh_token"])
        assert gone.status_code == 200
        told = session.introspect_token(metadata["introspection_endpoint"], token=token["access_token"]).json()
        assert told == {"active": False}, told
        print(f"{method}: refresh, introspection, revocation")
        try:
            session.fetch_token(metadata["token_endpoint"], authorization_response=back, code_verifier=verifier)
            raise AssertionError("a code was taken twice")
        except OAuthError as error:
            assert error.error == "invalid_grant", error
            print(f"{method}: a second use of the code is refused: {error.error}")

    serve_itself(issuer, metadata)

    made = requests.post(
        metadata["registration_endpoint"],
        json={
            "client_name": "a program on somebody's machine",
            "redirect_uris": [REDIRECT_URI],
            "token_endpoint_auth_method": "none",
            "scope": "openid chat",
        },
    ).json()
    session = OAuth2Session(
        made["client_id"], redirect_uri=REDIRECT_URI, scope="openid chat", code_challenge_method="S256",
        token_endpoint_auth_method="none",
    )
    token, nonce, _, _ = log_in(metadata, session)
    check_id_token(metadata, token, made["client_id"], nonce)
    print(f"a program that registered itself got a token for: {token['scope']}")


main(sys.argv[1])
