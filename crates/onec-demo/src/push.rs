//! `onec-demo push`: the demo company exchanges with a site.

use anyhow::Context as _;
use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use onec_demo::Base;
use onec_demo::commerceml::{Encoding, Export, Split, export, push};

use super::Company;

/// What is sent where.
#[derive(Args, Clone)]
pub(super) struct Push {
    #[command(flatten)]
    company: Company,
    /// Address of the exchange.
    #[arg(long)]
    to: String,
    /// Its login.
    #[arg(long)]
    user: String,
    /// The password of the login.
    #[arg(long, env = "ONEC_DEMO_PUSH_PASSWORD", hide_env_values = true)]
    password: String,
    /// Day whose prices and stocks are sent; the last generated day by default.
    #[arg(long)]
    date: Option<NaiveDate>,
    /// Send everything (the default).
    #[arg(long, conflicts_with = "changes")]
    full: bool,
    /// Send only items whose price or stock has changed on that day, or since --since.
    #[arg(long)]
    changes: bool,
    /// Day at the end of which the last exchange was.
    #[arg(long, requires = "changes")]
    since: Option<NaiveDate>,
    /// Send one archive.
    #[arg(long)]
    zip: bool,
    /// How goods are spread over files: two, or four as since version 2.08.
    #[arg(long, default_value = "two")]
    files: Files,
    /// Encoding of the files.
    #[arg(long, default_value = "utf-8")]
    encoding: Name,
    /// Bytes of one part; what the site allows by default.
    #[arg(long)]
    chunk: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Files {
    Two,
    Four,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    #[value(name = "utf-8")]
    Utf8,
    #[value(name = "windows-1251")]
    Windows1251,
}

impl Push {
    /// Exchanges once.
    #[tokio::main(flavor = "current_thread")]
    pub(super) async fn run(self) -> anyhow::Result<Vec<String>> {
        let options = self.company.options();
        let base = Base::generate(&options);
        let yesterday = options.until.pred_opt().context("no day before --until")?;
        let date = self.date.unwrap_or(yesterday);
        let before = self.since.or_else(|| date.pred_opt());
        let files = export(
            &base,
            &Export {
                date,
                changes_since: before.filter(|_| self.changes),
                split: match self.files {
                    Files::Two => Split::Two,
                    Files::Four => Split::Four,
                },
                encoding: match self.encoding {
                    Name::Utf8 => Encoding::Utf8,
                    Name::Windows1251 => Encoding::Windows1251,
                },
            },
        );
        let login = (self.user.as_str(), self.password.as_str());
        push(&self.to, login, &files, self.zip, self.chunk).await?;
        let sent = files.iter();
        Ok(sent
            .map(|file| format!("{}: {} bytes", file.name, file.bytes.len()))
            .collect())
    }
}
