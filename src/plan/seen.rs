//! A plan from what came of asking all hosts, where some could not be asked.

use std::collections::BTreeMap;

use super::{Declaration, Intent, Plan};
use crate::facts::Facts;
use crate::problem::{Kind, Problem, Problems};
use crate::secret::Secrets;

/// What was seen of each host, or why nothing was.
pub type Seen = BTreeMap<String, Result<Facts, Problem>>;

impl Declaration<'_> {
    /// The plan, and why it goes on without hosts that it can do without.
    ///
    /// # Errors
    /// As [`Self::plan`], and for hosts that are needed and could not be asked.
    pub fn plan_from(
        &self,
        seen: Seen,
        secrets: &Secrets,
    ) -> Result<(Plan, Vec<Problem>), Problems> {
        let mut problems = Vec::new();
        let mut world: BTreeMap<String, Facts> = BTreeMap::new();
        for (host, facts) in seen {
            match facts {
                Ok(facts) => {
                    world.insert(host, facts);
                }
                // A host outside the limit is only looked at; the plan does without it where it can.
                Err(problem) if self.includes(&host) => problems.push(problem),
                Err(_) => {}
            }
        }
        if problems.is_empty() {
            return Ok((self.plan(world, secrets)?, problems));
        }
        match &self.intent {
            Intent::Converge | Intent::NewCluster => Err(Problems(problems)),
            // Whoever leaves may be dead. What the others have of it is taken away on all of them.
            Intent::Removal(removal) => {
                let is_own = |problem: &Problem| problem.host.as_ref() == Some(&removal.node);
                let (own, others): (Vec<_>, Vec<_>) = problems.into_iter().partition(is_own);
                if !others.is_empty() {
                    return Err(Problems(others));
                }
                Ok((self.plan(world, secrets)?, own))
            }
            // They are for times when hosts are down. Who is missed is found out by what needs it, and the others are told.
            Intent::Failover(_) | Intent::Returning(_) => {
                let returning = self.intent.returning().map(|returning| &returning.member);
                let (own, others) = problems.into_iter().partition::<Vec<_>, _>(|problem| {
                    problem.host.is_some() && problem.host.as_ref() == returning
                });
                if !own.is_empty() {
                    return Err(Problems(own));
                }
                Ok((self.plan(world, secrets)?, others))
            }
            // A handover needs every host, and says all that forbids it at once; what is left of one is finished without
            // those that are gone.
            Intent::Handover(_) => match self.plan(world, secrets) {
                Ok(plan) if plan.decision().is_none() => Ok((plan, problems)),
                planned => {
                    problems.extend(planned.err().into_iter().flat_map(|found| found.0));
                    for problem in &mut problems {
                        problem.kind = Kind::Refused;
                    }
                    Err(Problems(problems))
                }
            },
        }
    }
}
