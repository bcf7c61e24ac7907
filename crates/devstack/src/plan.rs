//! What runs where: names, ports and folders of one stack.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A program of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Program {
    /// The demo 1C server.
    OnecDemo,
    /// user-management.
    UserManagement,
    /// onec-integration.
    OnecIntegration,
    /// ai-assistant.
    AiAssistant,
    /// analytics.
    Analytics,
    /// security.
    Security,
    /// gateway.
    Gateway,
}

impl Program {
    /// All programs, in the order of starting.
    pub const ALL: [Self; 7] = [
        Self::OnecDemo,
        Self::UserManagement,
        Self::OnecIntegration,
        Self::AiAssistant,
        Self::Analytics,
        Self::Security,
        Self::Gateway,
    ];

    /// Name of the package, the program file and the service.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OnecDemo => "onec-demo",
            Self::UserManagement => "user-management",
            Self::OnecIntegration => "onec-integration",
            Self::AiAssistant => "ai-assistant",
            Self::Analytics => "analytics",
            Self::Security => "security",
            Self::Gateway => "gateway",
        }
    }

    /// The program of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|program| program.name() == name)
    }

    /// Name of its database, for those that have one.
    #[must_use]
    pub fn database(self) -> Option<&'static str> {
        match self {
            Self::OnecDemo | Self::Gateway => None,
            Self::UserManagement => Some("identity"),
            Self::OnecIntegration => Some("onec"),
            Self::AiAssistant => Some("assistant"),
            Self::Analytics => Some("analytics"),
            Self::Security => Some("security"),
        }
    }
}

/// The ports of one stack, all on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    first: Option<u16>,
}

impl Ports {
    /// How many ports in a row `--ports-from` takes.
    pub const COUNT: u16 = 20;

    /// The documented ports, or a row of [`Ports::COUNT`] beginning with `first`.
    #[must_use]
    pub fn new(first: Option<u16>) -> Self {
        Self { first }
    }

    /// API port of a program.
    #[must_use]
    pub fn api(self, program: Program) -> u16 {
        let (usual, offset) = match program {
            Program::Gateway => (3000, 0),
            Program::AiAssistant => (8000, 1),
            Program::OnecIntegration => (8001, 2),
            Program::UserManagement => (8002, 3),
            Program::Analytics => (8003, 4),
            Program::Security => (8004, 5),
            Program::OnecDemo => (8090, 6),
        };
        self.first.map_or(usual, |first| first + offset)
    }

    /// Admin port of a program; the demo 1C server has none.
    #[must_use]
    pub fn admin(self, program: Program) -> Option<u16> {
        if program == Program::OnecDemo {
            return None;
        }
        Some(self.api(program) + self.admin_offset())
    }

    /// How far from its API port the admin port of a program is.
    #[must_use]
    pub fn admin_offset(self) -> u16 {
        if self.first.is_some() { 10 } else { 1000 }
    }

    /// Port of the private PostgreSQL.
    #[must_use]
    pub fn postgres(self) -> u16 {
        self.first.map_or(15432, |first| first + 7)
    }

    /// Port of the private Redis.
    #[must_use]
    pub fn redis(self) -> u16 {
        self.first.map_or(16379, |first| first + 8)
    }

    /// Every port of the stack with what uses it.
    #[must_use]
    pub fn all(self) -> Vec<(u16, String)> {
        let mut ports = vec![
            (self.postgres(), "PostgreSQL".to_owned()),
            (self.redis(), "Redis".to_owned()),
        ];
        for program in Program::ALL {
            ports.push((self.api(program), program.name().to_owned()));
            ports.extend(
                self.admin(program)
                    .map(|port| (port, format!("{} (admin)", program.name()))),
            );
        }
        ports
    }

    /// Where browsers on this machine find the system. By name: passkeys are bound to names, not to
    /// addresses.
    #[must_use]
    pub fn public_url(self) -> String {
        format!("http://localhost:{}", self.api(Program::Gateway))
    }

    /// Base URL of a program's API.
    #[must_use]
    pub fn url(self, program: Program) -> String {
        format!("http://127.0.0.1:{}", self.api(program))
    }
}

/// Everything that is chosen before a stack starts.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Folder of this stack's data, logs and control socket.
    pub folder: PathBuf,
    /// Ports.
    pub ports: Ports,
    /// Folder of the built programs.
    pub programs: PathBuf,
    /// Programs that are left out, to be run by hand.
    pub without: Vec<Program>,
    /// Further arguments of the demo 1C server.
    pub demo_arguments: Vec<String>,
    /// Further variables of the services, over those that the stack sets.
    pub variables: Vec<(String, String)>,
}

/// Demo login of a role.
#[derive(Debug, Clone, Copy)]
pub struct Login {
    /// E-mail address.
    pub email: &'static str,
    /// Name.
    pub name: &'static str,
    /// Role.
    pub role: &'static str,
    /// True when the login sees one company only, to show that rights are respected.
    pub one_company: bool,
}

/// The password of all demo logins. They exist on this machine only.
pub const DEMO_PASSWORD: &str = "Romashka-2026";

/// One demo login per role.
pub const LOGINS: [Login; 6] = [
    Login {
        email: "admin@demo.local",
        name: "Анна Администратова",
        role: "admin",
        one_company: false,
    },
    Login {
        email: "director@demo.local",
        name: "Дмитрий Директоров",
        role: "director",
        one_company: false,
    },
    Login {
        email: "accountant@demo.local",
        name: "Ольга Бухгалтерова",
        role: "accountant",
        one_company: false,
    },
    Login {
        email: "manager@demo.local",
        name: "Максим Менеджеров",
        role: "manager",
        one_company: true,
    },
    Login {
        email: "security@demo.local",
        name: "Сергей Безопасный",
        role: "security",
        one_company: false,
    },
    Login {
        email: "user@demo.local",
        name: "Юлия Пользователева",
        role: "user",
        one_company: false,
    },
];

impl Plan {
    /// Folder of the database cluster. PostgreSQL runs as `nobody` under root, which cannot enter a
    /// folder below a private one such as `/root`: the cluster is then kept in `/var/tmp`.
    #[must_use]
    pub fn postgres_folder(&self) -> PathBuf {
        let folder = self.folder.join("postgres");
        if !nix::unistd::geteuid().is_root() || self.folder.ancestors().all(others_may_enter) {
            return folder;
        }
        let name = self.folder.to_string_lossy().replace('/', "-");
        PathBuf::from(format!("/var/tmp/ai-assistants-1c{name}"))
    }

    /// Socket on which the running stack takes commands.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// Log file of a detached stack.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.folder.join("devstack.log")
    }
}

fn others_may_enter(folder: &Path) -> bool {
    // A folder that does not exist yet will be made with the usual mode.
    std::fs::metadata(folder).map_or(true, |metadata| metadata.permissions().mode() & 0o001 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn browsers_find_the_gateway_by_its_port() {
        assert_eq!(Ports::new(None).public_url(), "http://localhost:3000");
        assert_eq!(Ports::new(Some(20_000)).public_url(), "http://localhost:20000");
    }

    #[test]
    fn ports_do_not_collide() {
        for first in [None, Some(20_000)] {
            let ports = Ports::new(first).all();
            let distinct: HashSet<u16> = ports.iter().map(|(port, _)| *port).collect();
            assert_eq!(distinct.len(), ports.len(), "{ports:?}");
            if let Some(first) = first {
                assert!(
                    distinct
                        .iter()
                        .all(|port| (first..first + Ports::COUNT).contains(port))
                );
            }
        }
    }
}
