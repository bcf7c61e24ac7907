//! What a check can find, and what to do about it. Each code has a section in docs/connect-1c.md.

use common::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// As it should be.
    Ok,
    /// It works, but not as well as it could.
    Warning,
    /// It does not work until it is set right.
    Error,
}

/// Defines [`Code`]: variant, code, severity, title, advice.
macro_rules! codes {
    ($($name:ident $code:literal $severity:ident $title_ru:literal $title_en:literal $($advice_ru:literal $advice_en:literal)?;)*) => {
        /// A finding's sort.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) enum Code {
            $(#[serde(rename = $code)] $name,)*
        }

        impl Code {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable code.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// How bad it is.
            pub(crate) fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// What was found.
            pub(crate) fn title(self) -> Text {
                match self { $(Self::$name => Text::new($title_ru, $title_en),)* }
            }

            /// What the administrator of 1C has to do; none when all is well.
            pub(crate) fn advice(self) -> Option<Text> {
                match self { $(Self::$name => advice(&[$($advice_ru, $advice_en)?]),)* }
            }
        }
    };
}

fn advice(texts: &[&'static str]) -> Option<Text> {
    match texts {
        [ru, en] => Some(Text::new(*ru, *en)),
        _ => None,
    }
}

codes! {
    AddressReached "address_reached" Ok "Сервер найден, порт открыт" "The server is found and its port is open";
    NameNotResolved "name_not_resolved" Error "Имя сервера не найдено" "The name of the server is not found"
        "Проверьте имя в адресе. Если оно известно только в вашей сети, укажите IP-адрес или добавьте имя в DNS, которым пользуется наша служба."
        "Check the name in the address. If only your network knows it, give the IP address or add the name to the DNS that our service uses.";
    AddressRefused "address_refused" Error "Имя ведёт на закрытый адрес" "The name leads to a refused address"
        "Имя указывает на локальный для канала адрес или службу метаданных облака. Исправьте запись DNS: она должна вести на веб-сервер 1С."
        "The name points to a link-local address or to a metadata service of a cloud. Correct the DNS record: it has to lead to the web server of 1C.";
    PortClosed "port_closed" Error "На этом порту никто не отвечает" "Nobody listens at this port"
        "Проверьте, что веб-сервер (IIS или Apache) запущен, и порт в адресе тот же, что в его настройках."
        "Check that the web server (IIS or Apache) runs, and that the port in the address is the one of its settings.";
    NoConnection "no_connection" Error "Сервер не отвечает на подключение" "The server does not answer to a connection"
        "Обычно это брандмауэр: разрешите входящие подключения к порту веб-сервера с адреса нашей службы. Проверьте и VPN между сетями."
        "Mostly this is a firewall: allow connections to the port of the web server from the address of our service. Check the VPN between the networks too.";
    ProxyUnreachable "proxy_unreachable" Error "Прокси недоступен" "The proxy cannot be reached"
        "Проверьте адрес и порт прокси в настройках базы или уберите прокси, если к 1С можно обращаться напрямую."
        "Check address and port of the proxy in the settings of the infobase, or remove it if 1C can be called directly.";
    ProxyLogin "proxy_login" Error "Прокси требует вход" "The proxy asks for a login"
        "Укажите имя и пароль в адресе прокси: http://имя:пароль@proxy:3128."
        "Give login and password in the address of the proxy: http://name:password@proxy:3128.";
    TlsVerified "tls_verified" Ok "Соединение защищено, сертификат верен" "The connection is secure and the certificate is right";
    TlsUnknownAuthority "tls_unknown_authority" Error "Сертификат выдан неизвестным центром" "The certificate is of an unknown authority"
        "Сертификат самоподписанный или выдан центром вашей организации. Вставьте сертификат этого центра (PEM) в настройку ca_certificate."
        "The certificate is self-signed or issued by an authority of your own. Put the certificate of that authority (PEM) into the setting ca_certificate.";
    TlsExpired "tls_expired" Error "Срок действия сертификата не подходит" "The certificate has expired or is not valid yet"
        "Обновите сертификат веб-сервера. Если он новый, проверьте часы сервера."
        "Renew the certificate of the web server. If it is new, check the clock of the server.";
    TlsWrongName "tls_wrong_name" Error "Сертификат выдан на другое имя" "The certificate is for another name"
        "Укажите в адресе то имя, на которое выдан сертификат, или выпустите сертификат с именем из адреса."
        "Use the name of the certificate in the address, or issue a certificate with the name of the address.";
    TlsFailed "tls_failed" Error "Защищённое соединение не установлено" "No secure connection could be made"
        "Включите на веб-сервере TLS 1.2 или 1.3; проверьте, что цепочка сертификатов полна."
        "Switch on TLS 1.2 or 1.3 at the web server; check that the chain of certificates is complete.";
    TlsNotSpoken "tls_not_spoken" Error "На этом порту не https" "This port does not speak https"
        "Замените в адресе https на http или укажите порт, на котором веб-сервер принимает https (обычно 443)."
        "Write http instead of https in the address, or give the port at which the web server takes https (mostly 443).";
    HttpOnHttpsPort "http_on_https_port" Error "Порт ждёт https" "The port expects https"
        "Замените в адресе http на https."
        "Write https instead of http in the address.";
    PlainHttp "plain_http" Warning "Пароль передаётся без шифрования" "The password travels without encryption"
        "Настройте на веб-сервере https, если между службой и 1С не только ваша закрытая сеть."
        "Set up https at the web server unless there is nothing but your closed network between the service and 1C.";
    Redirected "redirected" Error "Веб-сервер отправляет на другой адрес" "The web server sends us to another address"
        "Укажите в настройках адрес, на который отправляет сервер, если это та же база."
        "Put the address to which the server sends us into the settings, if it is the same base.";
    PublicationCase "publication_case" Error "Имя публикации написано другими буквами" "The publication's name is written in other letters"
        "Заглавные и строчные буквы в имени публикации важны: напишите его точно так, как в окне «Публикация на веб-сервере»."
        "Upper and lower case matter in the publication's name: write it exactly as in the window «Публикация на веб-сервере».";
    NotOnec "not_onec" Error "По адресу отвечает не 1С" "Something else than 1C answers at the address"
        "Ответила страница: вход портала, прокси или другой сайт. Откройте публикацию для OData мимо страницы входа или исправьте адрес."
        "A page answered: the login of a portal, a proxy or another site. Let OData past the login page or correct the address.";
    PublicationMissing "publication_missing" Error "Веб-сервер не знает такой публикации" "The web server does not know the publication"
        "В Конфигураторе: Администрирование → Публикация на веб-сервере; сверьте имя публикации с адресом и нажмите «Опубликовать»."
        "In the Configurator: Администрирование → Публикация на веб-сервере; compare the publication's name with the address and publish.";
    OdataDisabled "odata_disabled" Error "Публикация есть, но OData в ней не включён" "The publication exists, but OData is not enabled in it"
        "В окне «Публикация на веб-сервере» отметьте «Публиковать стандартный интерфейс OData» (в default.vrd: <standardOdata enable=\"true\"/>)."
        "Tick «Публиковать стандартный интерфейс OData» in the window «Публикация на веб-сервере» (default.vrd: <standardOdata enable=\"true\"/>).";
    LoginAccepted "login_accepted" Ok "1С приняла имя и пароль" "1C accepted the login";
    LoginRefused "login_refused" Error "1С отклонила вход" "1C refused the login"
        "Проверьте по порядку: имя и пароль; у пользователя включена «Аутентификация 1С:Предприятия»; у него есть роль УдаленныйДоступOData («Удаленный доступ OData»)."
        "Check in this order: name and password; «Аутентификация 1С:Предприятия» is on for the user; the user has the role УдаленныйДоступOData.";
    LoginMethod "login_method" Error "Веб-сервер требует другой вход" "The web server asks for another login"
        "Сервер не принимает имя и пароль 1С (Basic): на IIS оставьте для публикации только анонимную проверку подлинности, на портале выключите вход OpenID для OData."
        "The server does not take 1C's login (Basic): on IIS leave only anonymous authentication for the publication, at a portal switch off OpenID for OData.";
    RoleMissing "role_missing" Error "У пользователя 1С нет прав на OData" "The 1C user may not use OData"
        "Добавьте пользователю роль УдаленныйДоступOData («Удаленный доступ OData»)."
        "Give the user the role УдаленныйДоступOData.";
    NoLicence "no_licence" Error "В 1С нет свободной лицензии" "1C has no free licence"
        "Освободите клиентскую лицензию или добавьте их. Включите повторное использование сеансов и уменьшите concurrency базы до 1–2."
        "Free a client licence or add some. Switch on the reuse of sessions and lower concurrency of the infobase to 1 or 2.";
    InfobaseLocked "infobase_locked" Error "Вход в базу запрещён" "Sessions of the base are forbidden"
        "Идёт обслуживание или обновление. Снимите «Блокировка начала сеансов включена» в свойствах базы, когда оно закончится."
        "Maintenance or an update is under way. Switch off the blocking of sessions in the properties of the base when it has ended.";
    InfobaseFailed "infobase_failed" Error "1С ответила ошибкой" "1C answered with an error"
        "Посмотрите журнал регистрации базы и журнал веб-сервера на время проверки; проверьте, что сервер 1С запущен и версия модуля веб-сервера та же."
        "Look at the event log of the base and the log of the web server at the time of the check; check that the 1C server runs and the web server's module is of its version.";
    AnswerTimeout "answer_timeout" Error "1С не ответила за отведённое время" "1C did not answer in time"
        "Проверьте нагрузку сервера 1С. Если первый ответ после простоя всегда долог, увеличьте request_timeout_seconds."
        "Check the load of the 1C server. If the first answer after a pause always takes long, raise request_timeout_seconds.";
    CompositionEmpty "composition_empty" Error "Состав OData пуст" "The composition of OData is empty"
        "Откройте обработку «Настройка автоматического REST-сервиса» («Настройка стандартного интерфейса OData») и отметьте нужные объекты, или выполните код из docs/connect-1c.md."
        "Open the data processor «Настройка автоматического REST-сервиса» and tick the objects needed, or run the code of docs/connect-1c.md.";
    CompositionRead "composition_read" Ok "Состав OData прочитан" "The composition of OData is read";
    ConfigurationRecognised "configuration_recognised" Ok "Конфигурация узнана" "The configuration is recognised";
    ConfigurationUnknown "configuration_unknown" Warning "Конфигурация не узнана" "The configuration is not recognised"
        "Добавьте в состав OData основные справочники, документы и регистры. Если конфигурация своя, отчётам нужен её профиль; чтение объектов работает и без него."
        "Add the main catalogs, documents and registers to the composition of OData. A configuration of your own needs a profile for reports; reading objects works without.";
    NotionsMissing "notions_missing" Warning "Часть объектов не опубликована" "Some objects are not published"
        "Добавьте перечисленные объекты в состав OData: без них часть отчётов будет неполной."
        "Add the objects listed to the composition of OData: without them some reports are incomplete.";
    NotionsNotKept "notions_not_kept" Warning "Часть учёта в этой конфигурации не ведётся" "The configuration does not keep some of the books"
        "В 1С менять ничего не нужно: таких данных в этой базе нет. Если этот учёт ведётся в другой базе (обычно в «Бухгалтерии предприятия»), подключите и её: вопросы о нём будут отвечены по ней."
        "Nothing has to be changed in 1C: this base has no such data. If another base keeps these books (usually «Бухгалтерия предприятия»), connect it too: questions about them will be answered from it.";
    RightsSufficient "rights_sufficient" Ok "Прав на чтение хватает" "The rights to read are sufficient";
    RightsMissing "rights_missing" Warning "К части объектов нет доступа" "Some objects cannot be accessed"
        "Дайте пользователю право чтения перечисленных объектов. Если включено ограничение на уровне записей (RLS), включите его в группу доступа без ограничений."
        "Give the user the right to read the objects listed. If restrictions at record level (RLS) are on, put the user into an access group without them.";
    ExchangePlanAbsent "exchange_plan_absent" Warning "План обмена не указан" "No exchange plan is set"
        "Без плана обмена изменения ищутся сравнением версий, что дольше и нагружает 1С. Заведите план и узел по docs/connect-1c.md и укажите exchange_plan."
        "Without an exchange plan changes are found by comparing versions, which takes longer and loads 1C. Make a plan and a node as in docs/connect-1c.md and set exchange_plan.";
    ExchangePlanUnpublished "exchange_plan_unpublished" Error "План обмена не опубликован" "The exchange plan is not published"
        "Добавьте план обмена в состав OData; проверьте его имя в настройке exchange_plan."
        "Add the exchange plan to the composition of OData; check its name in the setting exchange_plan.";
    ExchangeNodeMissing "exchange_node_missing" Error "В плане обмена нет нашего узла" "The exchange plan has no node of ours"
        "Создайте в плане обмена узел (код — как в настройке exchange_node) и включите в состав плана нужные объекты с авторегистрацией."
        "Make a node in the exchange plan (its code as in the setting exchange_node) and put the objects into the plan's composition with autoregistration.";
    ExchangeNodeAmbiguous "exchange_node_ambiguous" Error "В плане обмена несколько узлов" "The exchange plan has several nodes"
        "Укажите код нашего узла в настройке exchange_node."
        "Give the code of our node in the setting exchange_node.";
    ExchangePlanReady "exchange_plan_ready" Ok "Узел плана обмена найден" "The node of the exchange plan is found";
    SessionsReused "sessions_reused" Ok "Сеансы используются повторно" "Sessions are reused";
    SessionsNotReused "sessions_not_reused" Warning "Публикация не отдаёт сеанс" "The publication gives no session"
        "Задано session_mode=use, но ответ не содержит ibsession: укажите в default.vrd reuseSessions=\"use\" (или оставьте \"autouse\" и верните session_mode=auto)."
        "session_mode is use, but the answer has no ibsession: set reuseSessions=\"use\" in default.vrd (or leave \"autouse\" and set session_mode back to auto).";
    SessionsEachCall "sessions_each_call" Warning "Каждый вызов открывает сеанс" "Each call opens a session"
        "Повторные ответы почти так же долги, как первый, либо сеансы выключены настройкой. Укажите в default.vrd reuseSessions=\"autouse\" и session_mode=auto."
        "Further answers take about as long as the first, or sessions are off by the settings. Set reuseSessions=\"autouse\" in default.vrd and session_mode to auto.";
    LatencyFine "latency_fine" Ok "1С отвечает быстро" "1C answers fast";
    SlowFirstCall "slow_first_call" Warning "Первый ответ долог" "The first answer takes long"
        "После простоя 1С запускает рабочий процесс. Это терпимо; увеличьте sessionMaxAge в default.vrd, чтобы сеансы жили между обращениями."
        "After a pause 1C starts a process. That can be lived with; raise sessionMaxAge in default.vrd, so that sessions live between calls.";
    SlowCalls "slow_calls" Warning "1С отвечает медленно" "1C answers slowly"
        "Проверьте нагрузку сервера 1С и СУБД. Первая загрузка будет долгой: начните её в нерабочее время."
        "Check the load of the 1C server and its database. The first load will take long: begin it out of hours.";
    ClockAgrees "clock_agrees" Ok "Часы совпадают" "The clocks agree";
    ClockSkew "clock_skew" Warning "Часы веб-сервера расходятся с нашими" "The clock of the web server differs from ours"
        "Включите на сервере 1С синхронизацию времени (NTP): по времени отбираются изменения и проверяются сертификаты."
        "Switch on time synchronisation (NTP) at the 1C server: changes are chosen and certificates checked by time.";
    ServicesReached "services_reached" Ok "Сервисы отвечают" "The services answer";
    ServiceMissing "service_missing" Warning "Сервис не опубликован" "A service is not published"
        "Отметьте сервис на закладках «Web-сервисы» и «HTTP-сервисы» окна «Публикация на веб-сервере» и опубликуйте снова."
        "Tick the service at the pages «Web-сервисы» and «HTTP-сервисы» of the window «Публикация на веб-сервере» and publish again.";
    CheckIncomplete "check_incomplete" Warning "Проверка не успела закончиться" "The check did not come to its end"
        "1С отвечает слишком медленно, чтобы проверить всё за минуту. Повторите проверку, когда нагрузка спадёт."
        "1C answers too slowly to check everything in a minute. Check again when its load is lower.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_provoked_by_a_test() {
        let over_sockets = [
            include_str!("../../tests/it/doctor.rs"),
            include_str!("../../tests/it/doctor_findings.rs"),
            include_str!("../../tests/it/shapes.rs"),
        ];
        // Provoked by tests of their own modules: no name leads to a refused address everywhere, and
        // nobody wants to wait for a minute.
        let elsewhere = [Code::AddressRefused, Code::CheckIncomplete];
        for code in Code::ALL.iter().filter(|code| !elsewhere.contains(code)) {
            let named = format!("\"{}\"", code.as_str());
            assert!(
                over_sockets.iter().any(|tests| tests.contains(&named)),
                "no test provokes {named}"
            );
        }
    }

    #[test]
    fn each_code_is_explained_to_the_administrator() {
        let manual = include_str!("../../../../docs/connect-1c.md");
        let sections: Vec<&str> = manual
            .lines()
            .filter_map(|line| line.strip_prefix("### `"))
            .filter_map(|line| line.split('`').next())
            .collect();
        let mut codes = std::collections::HashSet::new();
        for code in Code::ALL {
            assert!(
                sections.contains(&code.as_str()),
                "docs/connect-1c.md has no section `{}`",
                code.as_str()
            );
            assert!(codes.insert(code.as_str()), "{} is there twice", code.as_str());
            let needs_advice = code.severity() != Severity::Ok;
            assert_eq!(
                code.advice().is_some(),
                needs_advice,
                "advice of {}",
                code.as_str()
            );
            let stored = serde_json::to_value(code).unwrap();
            assert_eq!(stored, code.as_str());
        }
        for section in sections {
            assert!(
                codes.contains(section),
                "docs/connect-1c.md explains `{section}`, which is never found"
            );
        }
    }
}
