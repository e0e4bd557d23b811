//! `pssp predict`: predicts the records of FASTA input on this machine.

use std::time::Instant;

use indicatif::ProgressBar;
use pssp_common::{error_chain, plain};
use pssp_host::Settings;
use pssp_jobs::intake::Rules;
use pssp_predict::format::{self, Entry, FORMATS, Format};
use pssp_predict::sequence::CleanOptions;
use pssp_predict::structure::Structures;

use crate::args::{InputArgs, OutputArgs, StructureArgs, wrong_structure};
use crate::exit::{Exit, Failure};
use crate::input::{self, Source};
use crate::pipeline::{self, Options, Outcome, Place, Predicted};
use crate::ui::{self, Ui};

/// Arguments of `pssp predict`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// How to write the results: by the extension of -o unless told, else the classic text
    #[arg(short, long, value_parser = parse_format, value_name = "FORMAT", help = format_help())]
    format: Option<Format>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    structure: StructureArgs,
    /// Threads that predict; all cores unless told
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Longest sequence, in residues
    #[arg(long, value_name = "N", default_value_t = CleanOptions::default().max_residues)]
    max_residues: usize,
    /// Take sequences that look like nucleotides
    #[arg(long)]
    force: bool,
}

/// Parses the name of a format: the extension of its files, or another name of it.
pub(crate) fn parse_format(text: &str) -> Result<Format, String> {
    let lower = text.to_ascii_lowercase();
    let extension = match lower.as_str() {
        "classic" => "txt",
        "pymol" => "pml",
        "chimerax" => "defattr",
        "gff" => "gff3",
        extension => extension,
    };
    Format::from_extension(extension).ok_or_else(|| format!("choose one of {}", extensions()))
}

pub(crate) fn format_help() -> String {
    format!(
        "How to write it: one of {}; by the extension of -o unless told, else txt (json with --json)",
        extensions()
    )
}

fn extensions() -> String {
    FORMATS.iter().map(|f| f.extension()).collect::<Vec<_>>().join(", ")
}

/// The requested format, else the format of the output file's extension, else the default.
pub(crate) fn choose_format(asked: Option<Format>, output: &OutputArgs, ui: Ui) -> Format {
    let of_file = || Format::from_extension(output.output.as_ref()?.extension()?.to_str()?);
    let default = if ui.json { Format::Ndjson } else { Format::Classic };
    asked.or_else(of_file).unwrap_or(default)
}

pub(crate) fn run(args: &Args, ui: Ui) -> Result<Exit, Failure> {
    let sources = input::sources(&args.input)?;
    let settings = Settings::from_env().map_err(|e| Failure::new(Exit::Input, e.to_string()))?;
    let engine =
        pssp_worker::engine::load(&settings.engine).map_err(|e| Failure::server(error_chain(e.as_ref())))?;
    let format = choose_format(args.format, &args.output, ui);
    let structures = args.structure.parse(format)?;
    let out = ui::output(args.output.output.as_deref())?;
    let writer = format::Writer::new(format, out).map_err(|e| Failure::writing("the results", &e))?;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let options = Options {
        threads: args.threads.map_or_else(cores, usize::from),
        rules: Rules { max_residues: args.max_residues, max_records: usize::MAX },
        force: args.force,
    };
    let progress = ui.progress(args.output.output.is_none());
    let mut run = Run { ui, writer, structures, progress, tally: Tally::default() };
    let outcome = pipeline::run(&sources, engine.as_ref(), &options, |source, place, outcome| {
        run.take(source, &place, outcome)
    });
    run.progress.finish_and_clear();
    outcome?;
    run.structures.check(run.tally.records).map_err(wrong_structure)?;
    run.writer.finish().map_err(|e| Failure::writing("the results", &e))?;
    Ok(run.tally.finish(ui))
}

/// The state of one run of the command.
struct Run<W: std::io::Write> {
    ui: Ui,
    writer: format::Writer<W>,
    structures: Structures,
    progress: ProgressBar,
    tally: Tally,
}

impl<W: std::io::Write> Run<W> {
    fn take(&mut self, source: &Source, place: &Place, outcome: Outcome) -> Result<(), Failure> {
        self.tally.records += 1;
        match outcome {
            Outcome::Predicted(predicted) => {
                self.warn(source, place, &predicted);
                self.write(place, &predicted)?;
            }
            Outcome::Refused(errors) => {
                self.tally.refused += 1;
                self.skip()?;
                let named = place.id.as_deref().map(|id| format!(" ({})", plain(id))).unwrap_or_default();
                self.report(format!("{source}{named}: {}", plain(&errors.to_string())));
            }
            Outcome::Failed(why) => {
                self.tally.failed += 1;
                self.skip()?;
                self.report(format!("{source}: record {}: {}", place.number, plain(&why)));
            }
        }
        self.progress.set_message(self.tally.message());
        Ok(())
    }

    /// Shows the warnings about the input that concern the prediction.
    fn warn(&self, source: &Source, place: &Place, predicted: &Predicted) {
        let changes = predicted.cleaned.warnings.iter().filter(|warning| warning.code.changes_prediction());
        for warning in changes {
            let record = place.id.as_deref().map_or_else(|| format!("record {}", place.number), plain);
            let text = format!("{source} ({record}): {}", plain(&warning.message));
            self.progress.suspend(|| self.ui.note(format!("warning: {text}")));
        }
    }

    fn write(&mut self, place: &Place, predicted: &Predicted) -> Result<(), Failure> {
        let Predicted { cleaned, prediction } = predicted;
        let unnamed = format!("record_{}", place.number);
        let entry = Entry {
            id: place.id.as_deref().unwrap_or(&unnamed),
            name: place.description.as_deref(),
            header: None,
            sequence: &cleaned.sequence,
            prediction,
            edits: &cleaned.edits,
            warnings: &cleaned.warnings,
            structure: self.structures.of(self.tally.records - 1),
        };
        self.tally.chains += 1;
        self.tally.residues += cleaned.sequence.len();
        self.writer.entry(&entry).map_err(|e| Failure::writing("the results", &e))
    }

    fn skip(&mut self) -> Result<(), Failure> {
        self.writer.skip().map_err(|e| Failure::writing("the results", &e))
    }

    /// Shows a failed record, with --quiet too, since the exit code depends on it.
    fn report(&self, text: String) {
        self.progress.suspend(|| {
            if self.ui.json {
                let failure = Failure::new(Exit::Input, text);
                self.ui.failure(&failure);
            } else {
                self.ui.warn(text);
            }
        });
    }
}

/// The counts of the summary.
struct Tally {
    records: usize,
    chains: usize,
    residues: usize,
    refused: usize,
    failed: usize,
    since: Instant,
}

impl Default for Tally {
    fn default() -> Self {
        Self { records: 0, chains: 0, residues: 0, refused: 0, failed: 0, since: Instant::now() }
    }
}

impl Tally {
    fn message(&self) -> String {
        let seconds = self.since.elapsed().as_secs_f64().max(1e-9);
        #[expect(clippy::cast_precision_loss, reason = "shown with no decimals")]
        let rate = self.residues as f64 / seconds;
        format!("{} chains, {} residues, {rate:.0} residues/s", self.chains, self.residues)
    }

    fn finish(&self, ui: Ui) -> Exit {
        let (refused, failed) = (self.refused, self.failed);
        if refused + failed > 0 {
            ui.note(format!("{} predicted, {refused} refused, {failed} failed", self.chains));
        }
        match (failed, refused) {
            (0, 0) => Exit::Ok,
            (0, _) => Exit::Input,
            _ => Exit::JobFailed,
        }
    }
}
