//! Errors in words of the domain, and what clients see of them.

use common::Text;
use common::contract::onec::ReportId;
use common::db::StoreError;
use common::http::Problem;
use http::StatusCode;
use uuid::Uuid;

use crate::catalogue::access::Denied;
use crate::infobase::InfobaseError;

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Our database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// 1C or the settings of an infobase.
    #[error(transparent)]
    Infobase(#[from] InfobaseError),
    /// There is no such infobase.
    #[error("the infobase does not exist")]
    InfobaseNotFound,
    /// The caller is limited to a list of infobases and wants to connect another.
    #[error("the caller is limited to a list of infobases")]
    InfobasesLimited,
    /// No infobase is connected.
    #[error("no infobase is connected")]
    NoInfobase,
    /// An infobase with that address exists.
    #[error("an infobase with that address exists")]
    InfobaseExists,
    /// The company does not exist or is not the caller's: both look the same.
    #[error("the company does not exist for the caller")]
    CompanyNotFound,
    /// An id among the parameters names nothing.
    #[error("the object of parameter `{0}` does not exist")]
    SubjectNotFound(&'static str),
    /// There is no such report.
    #[error("the report does not exist")]
    ReportNotFound,
    /// The report cannot be computed by 1C.
    #[error("the report `{0}` cannot be computed live")]
    LiveNotSupported(ReportId),
    /// The first synchronisation has not ended.
    #[error("the infobase is not synchronised yet")]
    NotSynchronised,
    /// There is no such job.
    #[error("the job does not exist")]
    JobNotFound,
    /// A job is at work for the infobase.
    #[error("the job {0} is at work already")]
    SyncRunning(Uuid),
    /// The infobase does not bring what the report is made of.
    #[error("the infobase has no data for the report `{0}`")]
    ReportNotAvailable(ReportId),
    /// The configuration does not keep what the report is made of.
    #[error("the configuration of the infobase does not keep what the report `{0}` is made of")]
    ReportNotKept(ReportId),
    /// The infobase pushes no prices.
    #[error("the infobase pushes no prices")]
    PricesNotAvailable,
    /// The job has ended already.
    #[error("the job is over")]
    JobOver,
    /// The environment names the infobase, so that it would come back.
    #[error("the infobase is named by the environment")]
    FromEnvironment,
    /// The infobase publishes no such set.
    #[error("the infobase publishes no such set")]
    EntityNotFound,
    /// A caller restricted to companies may not read the set.
    #[error("the caller may not read the set: {0:?}")]
    EntityDenied(Denied),
    /// The request is longer than web servers before 1C take.
    #[error("the address of the request is too long")]
    QueryTooLong,
    /// A password could not be encrypted.
    #[error("a password could not be encrypted")]
    Encryption,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let simple =
            |status, code, ru: &'static str, en: &'static str| Self::new(status, code, Text::new(ru, en));
        match error {
            Error::Store(error) | Error::Infobase(InfobaseError::Store(error)) => error.into(),
            Error::Infobase(InfobaseError::Unknown) | Error::InfobaseNotFound => simple(
                StatusCode::NOT_FOUND,
                "onec.infobase_not_found",
                "Информационная база не найдена",
                "Infobase not found",
            ),
            Error::Infobase(error) => infobase(error),
            Error::InfobasesLimited => simple(
                StatusCode::FORBIDDEN,
                "onec.infobases_limited",
                "Подключать базы может тот, кому доступны все базы",
                "Connecting an infobase needs access to all infobases",
            )
            .detail(Text::new(
                "Ваш доступ ограничен списком информационных баз, и новая база в него не входит. Попросите \
                 администратора подключить её и добавить в ваш список.",
                "Your access is limited to a list of infobases, which another one is not in. Ask an administrator \
                 to connect it and to add it to your list.",
            )),
            Error::NoInfobase => simple(
                StatusCode::CONFLICT,
                "onec.no_infobase",
                "Ни одна информационная база не подключена",
                "No infobase is connected",
            ),
            Error::InfobaseExists => simple(
                StatusCode::CONFLICT,
                "onec.infobase_exists",
                "Эта информационная база уже подключена",
                "This infobase is connected already",
            ),
            Error::CompanyNotFound => simple(
                StatusCode::NOT_FOUND,
                "onec.company_not_found",
                "Организация не найдена",
                "Company not found",
            ),
            Error::SubjectNotFound(parameter) => simple(
                StatusCode::NOT_FOUND,
                "onec.object_not_found",
                "Объект не найден",
                "Object not found",
            )
            .detail(Text::new(
                format!("Параметр {parameter} не указывает ни на один объект этой базы."),
                format!("The parameter {parameter} names no object of this infobase."),
            )),
            Error::ReportNotFound => simple(
                StatusCode::NOT_FOUND,
                "onec.report_not_found",
                "Такого отчёта нет",
                "There is no such report",
            ),
            Error::LiveNotSupported(report) => simple(
                StatusCode::UNPROCESSABLE_ENTITY,
                "onec.live_not_supported",
                "Этот отчёт строится только по копии данных",
                "This report is computed from the copy only",
            )
            .detail(Text::new(
                format!("Отчёт {report} не поддерживает source=live: прямо в 1С считаются только отчёты по бухгалтерскому регистру."),
                format!("The report {report} does not support source=live: only reports on an accounting register are computed in 1C itself."),
            )),
            Error::NotSynchronised => simple(
                StatusCode::SERVICE_UNAVAILABLE,
                "onec.not_synchronised",
                "Данные 1С ещё не загружены",
                "The data of 1C is not loaded yet",
            )
            .detail(Text::new(
                "Первая синхронизация ещё не завершена.",
                "The first synchronisation has not ended.",
            ))
            .retry_after(5),
            Error::JobNotFound => simple(
                StatusCode::NOT_FOUND,
                "onec.job_not_found",
                "Задание не найдено",
                "Job not found",
            ),
            Error::SyncRunning(job) => simple(
                StatusCode::CONFLICT,
                "onec.sync_running",
                "Синхронизация уже идёт",
                "A synchronisation is at work already",
            )
            .extension("job_id", job.to_string())
            .extension("status_url", crate::http::sync::status_url(job)),
            Error::ReportNotAvailable(report) => simple(
                StatusCode::UNPROCESSABLE_ENTITY,
                "onec.report_not_available",
                "Для этой базы отчёт недоступен",
                "The report is not available for this infobase",
            )
            .detail(match report {
                ReportId::Stock => Text::new(
                    "Эта база передаёт только текущие остатки: остатков на прошлую дату нет.",
                    "This infobase pushes current stocks only: there are none of a past day.",
                ),
                _ => Text::new(
                    "Эта база передаёт только товары, цены и остатки (обмен с сайтом). Для отчёта подключите базу через OData.",
                    "This infobase pushes goods, prices and stocks only. Connect it by OData for this report.",
                ),
            }),
            Error::ReportNotKept(_) => simple(
                StatusCode::UNPROCESSABLE_ENTITY,
                "onec.report_not_available",
                "Для этой базы отчёт недоступен",
                "The report is not available for this infobase",
            )
            .detail(Text::new(
                "Конфигурация этой базы не ведёт учёт, по которому строится отчёт: например, бухгалтерский.",
                "The configuration of this infobase does not keep the books that the report is made of.",
            )),
            Error::PricesNotAvailable => simple(
                StatusCode::UNPROCESSABLE_ENTITY,
                "onec.prices_not_available",
                "У этой базы нет цен",
                "This infobase has no prices",
            )
            .detail(Text::new(
                "Цены передают только базы, подключённые обменом с сайтом (CommerceML).",
                "Only infobases that push by CommerceML have prices.",
            )),
            Error::JobOver => simple(
                StatusCode::CONFLICT,
                "onec.job_over",
                "Задание уже завершено",
                "The job is over",
            ),
            Error::FromEnvironment => simple(
                StatusCode::CONFLICT,
                "onec.infobase_from_environment",
                "Базу задаёт окружение",
                "The infobase is named by the environment",
            )
            .detail(Text::new(
                "Уберите её из ONEC_SERVER_URL или ONEC_INFOBASES_FILE и перезапустите службу: иначе при запуске она \
                 появится снова.",
                "Take it out of ONEC_SERVER_URL or ONEC_INFOBASES_FILE and restart the service: it would come back \
                 at the next start.",
            )),
            Error::EntityNotFound => simple(
                StatusCode::NOT_FOUND,
                "onec.entity_not_found",
                "Такого объекта нет среди опубликованных",
                "There is no such object among those published",
            ),
            Error::EntityDenied(why) => simple(
                StatusCode::FORBIDDEN,
                "onec.entity_denied",
                "Эти данные доступны только тем, кто видит все организации",
                "Only those who see all companies may read this",
            )
            .detail(denied(why)),
            Error::QueryTooLong => simple(
                StatusCode::UNPROCESSABLE_ENTITY,
                "onec.query_too_long",
                "Запрос слишком длинный для веб-сервера 1С",
                "The request is too long for the web server of 1C",
            )
            .detail(Text::new(
                "Укажите меньше реквизитов или более короткое условие.",
                "Name fewer properties or a shorter condition.",
            )),
            Error::Encryption => Self::internal(Error::Encryption),
        }
    }
}

/// Why a caller restricted to companies may not read a set.
fn denied(why: Denied) -> Text {
    match why {
        Denied::NotByCompany => Text::new(
            "По этим данным нельзя определить, к какой организации они относятся.",
            "This data does not tell which company it belongs to.",
        ),
        Denied::ReadWithOwner => Text::new(
            "Табличную часть читайте вместе с её документом: укажите её в select.",
            "Read a tabular part with its document: name it in select.",
        ),
        Denied::TooManyCompanies => Text::new(
            "Вам доступно больше организаций, чем помещается в один запрос к 1С.",
            "You see more companies than one request of 1C can name.",
        ),
    }
}

/// What is wrong with the infobase, for people who may have to set it right.
fn infobase(error: InfobaseError) -> Problem {
    let code = error.code();
    let (ru, en) = match code {
        "onec.infobase_unreachable" => (
            "1С не отвечает: проверьте, что сервер и веб-публикация базы работают.",
            "1C does not answer: check that the server and the publication of the base work.",
        ),
        "onec.credentials_refused" => (
            "1С отклонила имя или пароль, либо у пользователя нет права на OData.",
            "1C refused the name or the password, or the user may not use OData.",
        ),
        "onec.access_denied" => (
            "У пользователя 1С нет прав на часть данных.",
            "The 1C user has no rights for a part of the data.",
        ),
        "onec.no_licence" => ("В 1С нет свободной лицензии.", "1C has no free licence."),
        "onec.infobase_locked" => (
            "Вход в базу 1С временно запрещён.",
            "Sessions of the 1C base are forbidden for now.",
        ),
        "onec.not_published" | "onec.nothing_published" => (
            "Нужные объекты не включены в состав интерфейса OData.",
            "The objects needed are not in the composition of the OData interface.",
        ),
        "onec.exchange_plan_not_published" => (
            "План обмена, по которому регистрируются изменения, не включён в состав OData.",
            "The exchange plan that registers changes is not in the composition of OData.",
        ),
        "onec.exchange_node_missing" => (
            "В плане обмена нет узла с указанным кодом: создайте его в 1С.",
            "The exchange plan has no node with the code given: create it in 1C.",
        ),
        "onec.exchange_node_ambiguous" => (
            "В плане обмена несколько узлов: укажите код нужного.",
            "The exchange plan has several nodes: name the code of the right one.",
        ),
        "onec.infobase_not_called" => (
            "Эта база сама обращается к нам (CommerceML): к ней обращений нет.",
            "This infobase calls us (CommerceML); it is not called.",
        ),
        "onec.unknown_configuration" => (
            "Эта конфигурация 1С пока не поддерживается.",
            "This configuration of 1C is not supported yet.",
        ),
        _ => (
            "1С ответила не так, как ожидалось.",
            "1C answered in an unexpected way.",
        ),
    };
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        code,
        Text::new("1С недоступна", "1C is not available"),
    )
    .detail(Text::new(ru, en))
    .retry_after(5)
    .source(error)
}
