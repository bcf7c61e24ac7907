// Signing in: password, second factor, passkey, other providers.

import { open, query, signIn } from "./api.js";
import { fill, h } from "./dom.js";
import { t } from "./text.js";
import { brand, languageSwitch, themeSwitch } from "./main.js";
import { button, busy, field, form, input, words } from "./ui.js";

const LOGIN = "/api/users/auth/login";

export default async function view(app) {
  const place = h("div", { class: "sign-in-form" });
  const said = h("div");
  fill(app, h("div", { class: "sign-in" },
    h("main", { class: "sign-in-card" }, brand(), said, place),
    h("footer", {}, languageSwitch(), themeSwitch())));
  const note = (text, kind = "info") => fill(said, text && h("div", { class: `note ${kind}`, role: kind === "bad" ? "alert" : "status" }, text));
  const ended = sessionStorage.getItem("ended");
  sessionStorage.removeItem("ended");
  if (ended === "expired") note(t("Сеанс закончился. Войдите ещё раз.", "Your session has ended. Sign in again."));
  if (await returned(place, note)) return;
  password(place, note);
}

/** What a provider sent the browser back with, in the fragment. */
async function returned(place, note) {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const code = fragment.get("oidc_code");
  const error = fragment.get("oidc_error");
  if (!code && !error) return false;
  history.replaceState({}, "", location.pathname + location.search);
  if (error) {
    note(error === "federation.link_required"
      ? t("Учётная запись с этим адресом уже есть. Войдите паролем и привяжите вход в профиле.", "There is an account with this address. Sign in with your password and link the provider in your profile.")
      : t(`Войти через поставщика не получилось (${error}).`, `Signing in by the provider did not work (${error}).`), "bad");
    if (fragment.get("link_code")) sessionStorage.setItem("link", JSON.stringify({ provider: fragment.get("provider"), code: fragment.get("link_code") }));
    return false;
  }
  try {
    await signIn("/api/users/auth/oidc/complete", { code });
    return true;
  } catch (failure) {
    if (failure.code === "auth.second_factor_required") { secondFactor(place, note, failure.problem); return true; }
    note(words(failure), "bad");
    return false;
  }
}

function password(place, note) {
  const others = h("div", { class: "other-ways" });
  const first = input({ type: "email", name: "email", autocomplete: "username", required: true, autofocus: true, inputmode: "email" });
  fill(place, h("h1", {}, t("Вход", "Sign in")),
    form([
      field(t("Электронная почта", "E-mail"), first),
      field(t("Пароль", "Password"), input({ type: "password", name: "password", autocomplete: "current-password", required: true })),
    ], t("Войти", "Sign in"), async (values) => {
      note(null);
      try {
        await signIn(LOGIN, { email: values.email.trim(), password: values.password });
      } catch (error) {
        if (error.code !== "auth.second_factor_required") throw error;
        secondFactor(place, note, error.problem);
      }
    }),
    others,
    h("p", { class: "small muted" }, h("a", { href: "/account/reset-password" }, t("Забыли пароль?", "Forgot the password?"))));
  first.focus();
  if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
    others.append(button(t("Войти ключом доступа", "Sign in with a passkey"), busy(() => passkey(place, note)), { kind: "wide" }));
  }
  open("GET", "/api/users/auth/providers").then(({ items }) => {
    const back = sessionStorage.getItem("back") ?? "/login";
    const allowed = /^\/[\w/.-]*$/.test(back) ? back : "/login";
    others.prepend(...items.map((one) => h("a", { class: "button wide", href: one.start_url + query({ return_to: allowed }) }, one.title)));
  }).catch(() => {});
}

async function passkey(place, note) {
  const { challenge, public_key: options } = await open("POST", "/api/users/auth/passkeys/options", { body: {} });
  let credential;
  try {
    credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  } catch {
    note(t("Ключ доступа не использован.", "No passkey was used."));
    return;
  }
  await signIn("/api/users/auth/passkeys/login", { challenge, passkey: credential.toJSON() });
}

/** The second step of a login: a code, a recovery code or a passkey. */
function secondFactor(place, note, problem) {
  const methods = problem.methods ?? ["code"];
  let recovery = !methods.includes("code");
  const draw = () => {
    const one = recovery
      ? input({ name: "recovery_code", autocomplete: "off", required: true, spellcheck: "false" })
      : input({ name: "code", inputmode: "numeric", autocomplete: "one-time-code", required: true, maxlength: "8", class: "input code" });
    const hasText = methods.includes("code") || methods.includes("recovery_code");
    fill(place, h("h1", {}, t("Второй фактор", "Second factor")),
      hasText && form([field(recovery ? t("Код восстановления", "Recovery code") : t("Код из приложения", "Code of the application"), one)], t("Продолжить", "Continue"), async (values) => {
        const shown = recovery ? { recovery_code: values.recovery_code.trim() } : { code: values.code.replace(/\s/g, "") };
        try {
          await signIn("/api/users/auth/login/second-factor", { challenge: problem.challenge, ...shown });
        } catch (error) {
          if (error.code !== "auth.challenge_invalid") throw error;
          note(t("Время на ввод кода вышло. Войдите ещё раз.", "The time for the code is over. Sign in again."), "bad");
          password(place, note);
        }
      }),
      h("div", { class: "other-ways" },
        methods.includes("passkey") && problem.public_key && window.PublicKeyCredential?.parseRequestOptionsFromJSON
          && button(t("Ключ доступа", "Passkey"), busy(async () => {
            const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(problem.public_key) });
            await signIn("/api/users/auth/login/second-factor", { challenge: problem.challenge, passkey: credential.toJSON() });
          }), { kind: "wide" }),
        methods.includes("code") && methods.includes("recovery_code")
          && button(recovery ? t("Ввести код из приложения", "Enter a code of the application") : t("Нет телефона под рукой?", "No telephone at hand?"), () => { recovery = !recovery; draw(); }, { kind: "quiet wide" }),
        button(t("Назад", "Back"), () => password(place, note), { kind: "quiet wide" })));
    one.focus();
  };
  draw();
}

