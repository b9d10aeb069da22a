//! A run that its TTL removes, and Argo CD makes again.

use super::of::{application, head, seconds, spec_at, training, ttl};
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Check, Subject};

pub(in crate::lint) const CHECK: Check = Check { codes: &[Code::TTL_RETURNS], run: check };

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for object in subject.platform.objects.iter().filter(|object| object.phase().is_some() && !object.hook.hook) {
        let Some((after, path)) = ttl(object) else { continue };
        let application = application(subject, object);
        let heals = application.filter(|application| application.self_heals());
        let trains = training(subject, object);
        let place = subject.at(object, &path);
        let name = subject.say(object);
        let after = seconds(after);
        let message = if heals.is_some() {
            format!(
                "{name} runs again and again: {after} after its end it is deleted, and selfHeal makes it again at once"
            )
        } else {
            format!("{name} runs again: {after} after its end it is deleted, and the next sync makes it again")
        };
        let finding = match (heals, &trains) {
            (None, None) => Diagnostic::note(Code::TTL_RETURNS, place, message),
            _ => Diagnostic::warning(Code::TTL_RETURNS, place, message),
        };
        let field = path.last().copied().unwrap_or_default();
        let help = format!(
            "leave `{field}` away, so that it stays and is in sync; if it should run again, make it a CronJob, or a hook that runs once a sync"
        );
        let mut finding = finding.help(help);
        if let Some(heals) = heals {
            let heal = spec_at(subject, heals, &["syncPolicy", "automated", "selfHeal"]);
            finding = finding.related(heal, format!("selfHeal of `{}`", heals.app.name));
        }
        if let Some((why, because)) = trains {
            finding = finding.related(because.unwrap_or_else(|| head(object)), why);
        }
        found.push(finding);
    }
}
