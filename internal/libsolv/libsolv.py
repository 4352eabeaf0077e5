"""Answers questions about packages with libsolv.

Usage: libsolv.py ARCH REPOSITORY...

Each repository is a folder with repodata/primary.xml.gz and filelists.xml.gz. A
package is a number: its place in the first repository's list, and on through the
lists of the others. All but the first are lookasides. A question is a line of JSON
on standard input, its answer one on standard output; see libsolv.go for both.

A source package stands for what it requires to be built: it gets a name that nobody
has, and can be installed.
"""

import itertools
import json
import sys

import solv

SENSES = {"<": solv.REL_LT, ">": solv.REL_GT, "=": solv.REL_EQ}

# What may be ignored, to find out what keeps a package out: the fewest that help are
# told. "arches" is libsolv's preference for a better arch among packages of one name.
REASONS = ["conflicts", "lookaside", "unless", "versions", "arches"]


def new_pool(arch):
    """Makes a pool that judges as Fedora's does: of one name there may be a package for
    each word size."""
    pool = solv.Pool()
    pool.setdisttype(solv.Pool.DISTTYPE_RPM)
    pool.setarch(arch)
    pool.set_flag(solv.Pool.POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1)
    pool.set_flag(solv.Pool.POOL_FLAG_OBSOLETEUSESCOLORS, 1)
    return pool


def read(repo, folder):
    """Reads the metadata of a repository."""
    for name, language, flags in [
        ("primary", None, 0),
        ("filelists", "FL", solv.Repo.REPO_LOCALPOOL | solv.Repo.REPO_EXTEND_SOLVABLES),
    ]:
        f = solv.xfopen(f"{folder}/repodata/{name}.xml.gz")
        if not repo.add_rpmmd(f, language, flags):
            sys.exit(f"{folder}: {name}: {repo.pool.errstr}")
        f.close()


class Packages:
    """The packages of some repositories."""

    def __init__(self, arch, folders):
        self.pool = new_pool(arch)
        self.solvables = []
        for i, folder in enumerate(folders):
            repo = self.pool.add_repo(folder)
            read(repo, folder)
            self.solvables += repo.solvables_iter()
            if i == 0:
                self.lookaside = len(self.solvables)  # the number of the first one
        for s in self.solvables:
            if s.arch in ("src", "nosrc"):
                s.name, s.arch = "build of " + s.name, "noarch"
                s.unset(solv.SOLVABLE_PROVIDES)
        self.restrictions = {
            "conflicts": self.having(solv.SOLVABLE_CONFLICTS) + self.having(solv.SOLVABLE_OBSOLETES),
            "unless": self.having(solv.SOLVABLE_REQUIRES, lambda _, d: " unless " in str(d)),
            "lookaside": self.having(solv.SOLVABLE_REQUIRES, lambda i, _: i >= self.lookaside),
        }
        self.ids = [s.id for s in self.solvables]
        self.number = {id: i for i, id in enumerate(self.ids)}
        self.pool.addfileprovides()

    def having(self, key, meant=lambda i, d: True):
        """Lists the packages that have such dependencies, with what tells which."""
        return [
            (i, key, lambda d, i=i: meant(i, d))
            for i, s in enumerate(self.solvables)
            if any(meant(i, d) for d in dependencies_of(s, key))
        ]

    def dependency(self, text):
        """Reads a dependency as a spec file has it, and returns its id."""
        if text.startswith("("):
            return self.pool.parserpmrichdep(text).id
        name, *version = text.split()
        id = self.pool.str2id(name)
        if version:
            flags = sum(SENSES[c] for c in version[0])
            id = self.pool.rel2id(id, self.pool.str2id(version[1]), flags)
        return id

    def consider(self, visible, hidden):
        """Leaves only some packages to choose from."""
        left = set(range(len(self.solvables)) if visible is None else visible).difference(hidden)
        self.pool.set_considered_list([self.ids[i] for i in left])
        self.pool.createwhatprovides()  # or else others would still set the best arch of a name
        return left

    def solve(self, jobs, ignored, weak):
        """Returns the problems that there are, and what is installed if there are none."""
        solver = self.pool.Solver()
        solver.set_flag(solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED, not weak)
        solver.set_flag(solv.Solver.SOLVER_FLAG_NO_INFARCHCHECK, "arches" in ignored)
        if "versions" in ignored:
            jobs = jobs + [self.pool.Job(solv.Job.SOLVER_MULTIVERSION | solv.Job.SOLVER_SOLVABLE_ALL, 0)]
        problems = sorted({str(r.info()) for p in solver.solve(jobs) for r in p.findallproblemrules()})
        new = [] if problems else [self.number[s.id] for s in solver.transaction().newsolvables()]
        return problems, new

    def install(self, i, how=0):
        """Is the job to install a package."""
        return self.pool.Job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE | how, self.ids[i])

    def refused(self, wanted, ignored=(), weak=False, most=None):
        """Lists those of the packages that cannot be installed, with the problems, and
        counts those that were not tried.

        What comes along in a set that can be installed needs no try of its own. So as
        many as possible are installed together; what is left is tried one by one, or
        if it is a lot, as many as may be.
        """
        _, new = self.solve([self.install(i, solv.Job.SOLVER_WEAK) for i in wanted], ignored, weak)
        done, refused = set(new), []
        left = [i for i in wanted if i not in done]
        for i in left[:: -(-len(left) // most) if most and left else 1]:
            if i not in done:
                problems, new = self.solve([self.install(i)], ignored, weak)
                done.update(new or [i])
                if problems:
                    refused.append((i, problems))
                elif i not in new:
                    sys.exit(f"libsolv installs {new}, and not {i}")
        return refused, len(set(left) - done)

    def together(self, package, among):
        """Tries to install a package where others are installed, whatever these need,
        and are in conflict with."""
        with Edit(self) as edit:
            for i in among:
                if i != package:
                    edit.drop(i, solv.SOLVABLE_REQUIRES, lambda _: True)
                edit.drop(i, solv.SOLVABLE_CONFLICTS, lambda _: True)
                edit.drop(i, solv.SOLVABLE_OBSOLETES, lambda _: True)
            jobs = [self.install(i) for i in {package, *among}]
            problems, _ = self.solve(jobs, ("versions", "arches"), False)
            return [(package, problems)] if problems else []

    def restricts(self, reason, left):
        """Tells whether there is anything to ignore in the packages that are left."""
        return reason not in self.restrictions or any(i in left for i, _, _ in self.restrictions[reason])

    def because(self, wanted, left):
        """Says which restrictions keep packages out: the fewest that, ignored, help."""
        reasons = {}
        there = [r for r in REASONS if self.restricts(r, left)]
        for n in range(1, len(there) + 1):
            for ignored in itertools.combinations(there, n):
                if not wanted:
                    return reasons
                with Edit(self) as edit:
                    edit.ignore(ignored, left)
                    still = [i for i, _ in self.refused(wanted, ignored)[0]]
                reasons.update((i, list(ignored)) for i in wanted if i not in still)
                wanted = still
        return reasons

    def installable(self, q):
        """Tells which packages cannot be installed."""
        left = self.consider(q.get("visible"), q.get("hidden", ()))
        with Edit(self) as edit:
            for package, texts in q.get("void", {}).items():
                void = {self.dependency(text) for text in texts}
                edit.drop(int(package), solv.SOLVABLE_REQUIRES, lambda d: d.id in void)
            if "among" in q:
                (package,), untried = q["packages"], 0
                refused = self.together(package, q["among"])
            else:
                refused, untried = self.refused(q["packages"], weak=q.get("weak", False), most=q.get("most"))
            reasons = self.because([i for i, _ in refused], left) if q.get("why") else {}
        refused = [{"package": i, "problems": problems, "because": reasons.get(i, [])} for i, problems in refused]
        return {"refused": refused, "untried": untried}

    def closure(self, q):
        """Lists the requirements that no package satisfies."""
        self.consider(None, ())
        answer = []
        for package in q["packages"]:
            requires = dependencies_of(self.solvables[package], solv.SOLVABLE_REQUIRES)
            missing = {str(d) for d in requires if not self.pool.whatprovides(d)}
            if missing:
                answer.append({"package": package, "problems": sorted(missing), "because": []})
        return {"refused": answer, "untried": 0}


class Edit:
    """Takes dependencies away, for as long as it is entered."""

    def __init__(self, packages):
        self.packages = packages
        self.taken = []  # solvable, key, all dependencies that were there

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s, key, dependencies in reversed(self.taken):
            set_dependencies(s, key, dependencies)

    def drop(self, package, key, unwanted):
        """Drops those dependencies of a package that are not wanted."""
        s = self.packages.solvables[package]
        old = dependencies_of(s, key)
        new = [d for d in old if not unwanted(d)]
        if len(new) < len(old):
            self.taken.append((s, key, old))
            set_dependencies(s, key, new)

    def ignore(self, reasons, left):
        """Drops what stands for reasons, of the packages that are left."""
        for reason in reasons:
            for package, key, unwanted in self.packages.restrictions.get(reason, ()):
                if package in left:
                    self.drop(package, key, unwanted)


def dependencies_of(solvable, key):
    """Lists dependencies, those of scriptlets as well: they are behind a mark."""
    return [d for d in solvable.lookup_deparray(key, 0) if d.id != solv.SOLVABLE_PREREQMARKER]


def set_dependencies(solvable, key, dependencies):
    solvable.unset(key)
    for d in dependencies:
        solvable.add_deparray(key, d.id)


def main():
    packages = Packages(sys.argv[1], sys.argv[2:])
    for line in sys.stdin:
        q = json.loads(line)
        answer = {"installable": packages.installable, "closure": packages.closure}[q["ask"]](q)
        print(json.dumps(answer), flush=True)


main()
