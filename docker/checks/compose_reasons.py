"""Why some services deviate from the rules of compose_rules.py. A rule names the services it does not
hold for, each with its reason."""

from __future__ import annotations

OWN_POSTGRES = "its entry point hands the data folder to the user postgres and becomes it"
METRICS_TELL = "Prometheus itself tells whether it answers, and the image has nothing to ask with"
A_JOB = "a job: it ends, and what depends on it waits for its success"

OF_SERVICES: dict[str, dict[str, str]] = {
    "cap_add": {
        "postgres_ai": OWN_POSTGRES,
        "postgres_1c": OWN_POSTGRES,
        "postgres_user": OWN_POSTGRES,
        "postgres_analytics": OWN_POSTGRES,
        "postgres_security": OWN_POSTGRES,
    },
    "read_only": {
        "elasticsearch": "its entry point writes a key store beside the configuration that comes with the image",
    },
    "healthcheck": {
        "elk-setup": A_JOB,
        "kibana-setup": A_JOB,
        "prometheus": "a dead-man's switch tells of its end: the alert Watchdog stops coming",
        "alertmanager": "Prometheus scrapes it and tells when it does not answer",
        "grafana": "nothing depends on it, and a person sees at once that it does not answer",
        "node-exporter": METRICS_TELL,
        "postgres-exporter": METRICS_TELL,
        "redis-exporter": METRICS_TELL,
    },
    "pid": {"node-exporter": "it measures the machine, not its own container"},
    "user": {"filebeat": "Docker's log files are root's; every capability is dropped"},
}

WITHIN = "the Compose file sets it; addresses within the containers' networks are fixed"
OF_IMAGE = "the image sets it"
OF_SCRIPTS = "docker/scripts read it"
IS_A_FILE = "docker-dev.sh setup makes a file of SECRETS_DIR of it"

# In .env.example, but read by something other than Compose.
NOT_IN_COMPOSE: dict[str, str] = {
    "PORT": WITHIN,
    "ADMIN_PORT": WITHIN,
    "DATABASE_URL": "each service has its own: AI_DATABASE_URL and so on",
    "JWKS_URL": WITHIN,
    "GATEWAY_URL": WITHIN,
    "AI_ASSISTANT_URL": WITHIN,
    "ONEC_INTEGRATION_URL": WITHIN,
    "USER_MANAGEMENT_URL": WITHIN,
    "ANALYTICS_URL": WITHIN,
    "SECURITY_URL": WITHIN,
    "LISTEN_HOST": OF_IMAGE,
    "LOG_FORMAT": OF_IMAGE,
    "MAIL_DIR": "containers send letters or none; files are for cargo dev",
    "CONFIG_FILE": "the images have no such file; in containers everything is a variable",
    "POSTGRES_PASSWORD": IS_A_FILE,
    "REDIS_PASSWORD": IS_A_FILE,
    "JWT_SECRET_KEY": IS_A_FILE,
    "ONEC_ENCRYPTION_KEY": IS_A_FILE,
    "AUDIT_SIGNING_KEY": IS_A_FILE,
    "REPORTS_ENCRYPTION_KEY": IS_A_FILE,
    "GRAFANA_PASSWORD": IS_A_FILE,
    "ALERT_WEBHOOK_URL": IS_A_FILE,
    "ALERT_WATCHDOG_URL": IS_A_FILE,
    "AI1C_LANG": OF_SCRIPTS,
    "DEPLOY_TIMEOUT": OF_SCRIPTS,
    "DEPLOY_SOAK": OF_SCRIPTS,
    "BACKUP_DIR": OF_SCRIPTS,
    "BACKUP_RETENTION_DAYS": OF_SCRIPTS,
    "BACKUP_ENCRYPT": OF_SCRIPTS,
    "BACKUP_KEY_FILE": OF_SCRIPTS,
    "WATCH_INTERVAL": OF_SCRIPTS,
    "WATCH_FAILURES": OF_SCRIPTS,
    "WATCH_RESTARTS": OF_SCRIPTS,
    "LOG_RETENTION_DAYS": OF_SCRIPTS,
    "DEBUG_IMAGE": OF_SCRIPTS,
    "START_TIMEOUT": OF_SCRIPTS,
    "CARGO_CONFIG_FILE": OF_SCRIPTS,
}

# In a Compose file, but not for people to set.
NOT_IN_EXAMPLE: dict[str, str] = {}
