# Extra reference cases: log-binomial, Gamma(inverse), inverse Gaussian(log), nested designs with a slope or with counts,
# PQL beside Laplace and AGQ (cbpp), and the path of lme4's AGQ in the number of nodes (toenail).
#
#   Rscript extra_cases.R DATA_DIR OUT_DIR [id ...]
#
# DATA_DIR holds <name>.csv and manifest.json; the results go to OUT_DIR/values/<id>.json and OUT_DIR/design/<id>.csv.
# Beside this file: lib_fit.R and lib_json.R, unchanged from the reference scripts.
# Debian: r-base-core r-cran-lme4 r-cran-glmmtmb r-cran-tmb r-cran-rcppeigen r-cran-numderiv r-cran-ordinal r-cran-jsonlite r-cran-mass
# r-cran-nlme, and g++ with make (one small TMB template is compiled in a temporary directory).

# ---------------------------------------------------------------- set-up
args <- commandArgs(TRUE)
if (length(args) < 2) stop("usage: Rscript extra_cases.R DATA_DIR OUT_DIR [id ...]")
HERE <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value=TRUE)[1])))
DATA <- normalizePath(args[1]); OUT <- args[2]; SEL <- args[-(1:2)]
for (s in c("values", "design")) dir.create(file.path(OUT, s), recursive=TRUE, showWarnings=FALSE)
OUT <- normalizePath(OUT)
lib <- readLines(file.path(HERE, "lib_fit.R"))                       # it sources its JSON writer from the working directory: use HERE instead
eval(parse(text=sub("./scripts/lib_json.R", file.path(HERE, "lib_json.R"), lib, fixed=TRUE)))
suppressMessages({library(jsonlite); library(MASS); library(nlme); library(TMB)})
ranef <- lme4::ranef; fixef <- lme4::fixef; VarCorr <- lme4::VarCorr # nlme masks these
REFS <- OUT                                                          # where glmm_case() writes values/<id>.json
manifest <- fromJSON(file.path(DATA, "manifest.json"))
rd <- function(name) { d <- read.csv(file.path(DATA, paste0(name, ".csv")), check.names=FALSE, stringsAsFactors=FALSE)
  lv <- manifest[[name]]$factor_levels; for (k in names(lv)) d[[k]] <- factor(as.character(d[[k]]), levels=as.character(lv[[k]])); d }
wanted <- function(id) !length(SEL) || id %in% SEL
put <- function(id, doc) writeLines(json(doc), file.path(OUT, "values", paste0(id, ".json")))

# the same CSV as lib_fit.R's, in OUT_DIR/design
write_design <- function(id, gl, y, size, offset) {
  X <- gl$X; d <- data.frame(y=y, size=size, offset=offset)
  for (g in names(gl$reTrms$flist)) d[[paste0("idx_", g)]] <- as.integer(gl$reTrms$flist[[g]])-1L
  colnames(X) <- paste0("X_", colnames(X)); d <- cbind(d, as.data.frame(X, optional=TRUE)); e <- lapply(d, function(v) sprintf("%.17g", v))
  writeLines(c(paste0('"', names(d), '"', collapse=","), do.call(paste, c(unname(e), sep=","))), file.path(OUT, "design", paste0(id, ".csv")))
  paste0("design/", id, ".csv")
}

# glmmTMB's default start (all zero) is outside the parameter space for these links: tmb_json() gets a start through this wrapper
START <- NULL
glmmTMB <- function(...) { a <- list(...); if (!is.null(START)) a$start <- START; do.call(glmmTMB::glmmTMB, a) }

# ---------------------------------------------------------------- densities (for the checks; written apart from any engine)
# log density and its first two derivatives in eta; outside the parameter space the density is zero
DENS <- list(
  "binomial(logit)"=list(l=function(y,n,e,k) dbinom(y,n,plogis(e),log=TRUE), d1=function(y,n,e,k) y-n*plogis(e), d2=function(y,n,e,k) -n*plogis(e)*plogis(-e)),
  "binomial(log)"=list(l=function(y,n,e,k) ifelse(e<0, dbinom(y,n,exp(pmin(e,0)),log=TRUE), -Inf), d1=function(y,n,e,k) y-(n-y)*exp(e)/(-expm1(e)), d2=function(y,n,e,k) -(n-y)*exp(e)/expm1(e)^2),
  "poisson(log)"=list(l=function(y,n,e,k) dpois(y,exp(e),log=TRUE), d1=function(y,n,e,k) y-exp(e), d2=function(y,n,e,k) -exp(e)),
  "nbinom2(log)"=list(l=function(y,n,e,k) dnbinom(y,size=k,mu=exp(e),log=TRUE), d1=function(y,n,e,k) y-(y+k)*exp(e)/(exp(e)+k), d2=function(y,n,e,k) -(y+k)*k*exp(e)/(exp(e)+k)^2),
  "Gamma(log)"=list(l=function(y,n,e,k) dgamma(y,shape=k,scale=exp(e)/k,log=TRUE), d1=function(y,n,e,k) k*(y*exp(-e)-1), d2=function(y,n,e,k) -k*y*exp(-e)),
  "Gamma(inverse)"=list(l=function(y,n,e,k) ifelse(e>0, dgamma(y,shape=k,rate=k*pmax(e,1e-300),log=TRUE), -Inf), d1=function(y,n,e,k) k*(1/e-y), d2=function(y,n,e,k) -k/e^2),
  "inverse.gaussian(log)"=list(l=function(y,n,e,k) 0.5*log(k/(2*pi*y^3))-k*(y-exp(e))^2/(2*exp(2*e)*y), d1=function(y,n,e,k) k*(y*exp(-2*e)-exp(-e)), d2=function(y,n,e,k) k*(exp(-e)-2*y*exp(-2*e))))
MODEL <- NULL                                                        # name in DENS of the case in hand

# Laplace log-likelihood, in plain R, dense: one iid N(0, sd_j^2) block per column block of Z; k: shape, size or precision
laplace_check <- function(model, y, n, eta0, Z, sdcol, k=NULL) {
  f <- DENS[[model]]; b <- numeric(ncol(Z)); e <- function(b) eta0+drop(as.matrix(Z%*%b)); h <- function(b) sum(f$l(y,n,e(b),k))-sum((b/sdcol)^2)/2
  hess <- function(b) as.matrix(crossprod(Z, -f$d2(y,n,e(b),k)*Z)) + diag(1/sdcol^2, length(b))
  for (it in 1:200) { s <- solve(hess(b), drop(as.matrix(crossprod(Z, f$d1(y,n,e(b),k))))-b/sdcol^2); t <- 1; h0 <- h(b)
    while (!isTRUE(h(b+t*s) >= h0-1e-12) && t > 1e-6) t <- t/2
    b <- b+t*s; if (max(abs(t*s/sdcol)) < 1e-13) break }
  list(value=h(b)-sum(log(sdcol))-as.numeric(determinant(hess(b))$modulus)/2, b=b)  # the (2 pi)^(q/2) factors cancel
}

# exact marginal log-likelihood for one random intercept (replaces lib_fit.R's, which has no log-binomial, Gamma(inverse) or inverse Gaussian)
exact_loglik <- function(y, size, eta0, grp, sd, fam, extra=NULL) {
  f <- DENS[[MODEL]]; tot <- 0
  for (ix in split(seq_along(y), grp, drop=TRUE)) {
    lap <- laplace_check(MODEL, y[ix], size[ix], eta0[ix], matrix(1,length(ix),1), sd, extra); m <- lap$b
    lg <- function(b) vapply(b, function(x) sum(f$l(y[ix],size[ix],eta0[ix]+x,extra)), 0)+dnorm(b,0,sd,log=TRUE); top <- lg(m)
    s <- 1/sqrt(sum(-f$d2(y[ix],size[ix],eta0[ix]+m,extra))+1/sd^2)
    I <- 0; for (a in list(c(-14,-4),c(-4,-1),c(-1,1),c(1,4),c(4,14))) I <- I+integrate(function(b) exp(lg(b)-top), m+a[1]*s, m+a[2]*s, rel.tol=1e-10, abs.tol=1e-14, subdivisions=2000)$value
    tot <- tot+top+log(I) }
  tot
}

# one GLMM case by lib_fit.R's glmm_case(), then the plain-R Laplace value at the glmmTMB optimum, and for AGQ fits the largest node
case <- function(id, dataset, data, formula, family, model, ..., start=NULL, note="") {
  if (!wanted(id)) return(invisible()); MODEL <<- model; START <<- start; on.exit(START <<- NULL)
  doc <- glmm_case(id, paste0("data/",dataset,".csv"), data, formula, family, ..., note=note)
  o <- doc$fits$glmmTMB_laplace; if (!is.null(o$error)) stop(id, ": ", o$error)
  gl <- glFormula(formula, data=data, family=poisson(), control=glmerControl(check.nlev.gtreq.5="ignore")); mr <- model.response(gl$fr)
  y <- if (is.matrix(mr)) mr[,1] else as.numeric(mr); n <- if (is.matrix(mr)) rowSums(mr) else rep(1,length(y)); off <- model.offset(gl$fr); if (is.null(off)) off <- 0
  eta0 <- drop(gl$X%*%unlist(o$beta))+off; k <- if (is.null(o$betad)) NULL else exp(o$betad); Z <- Matrix::t(gl$reTrms$Zt)
  cnms <- gl$reTrms$cnms; sds <- lapply(o$random_effects$sd, as.numeric); stopifnot(identical(lengths(cnms, use.names=FALSE), lengths(sds)))
  if (all(lengths(cnms)==1)) { lap <- laplace_check(model, y, n, eta0, if (ncol(Z)<500) as.matrix(Z) else Z, rep(unlist(sds), diff(gl$reTrms$Gp)), k)
    o$selfcheck_laplace_loglik_at_estimate <- lap$value; o$selfcheck_laplace_blup_max_abs_diff <- max(abs(lap$b-o$blup_flat)) }
  if (length(sds)==1 && length(sds[[1]])==1) { b <- o$blup_flat[as.integer(gl$reTrms$flist[[1]])]; mu <- switch(sub(".*\\((.*)\\)","\\1",model), log=exp, inverse=function(e) 1/e, logit=plogis)(eta0+b); o$fitted_range <- range(mu) }
  doc$fits$glmmTMB_laplace <- o
  if (model=="binomial(log)") for (nm in grep("^lme4_nAGQ[0-9]+$", names(doc$fits), value=TRUE)) { f <- doc$fits[[nm]]; if (!is.null(f$error) || f$nAGQ < 2) next
    e <- drop(gl$X%*%unlist(f$beta)); g <- as.integer(gl$reTrms$flist[[1]]); top <- -Inf                    # lme4's nodes: mode + z_k times the expected-information sd
    for (j in seq_len(nlevels(gl$reTrms$flist[[1]]))) { b <- laplace_check(model, y[g==j], n[g==j], e[g==j], matrix(1,sum(g==j),1), f$theta)$b; p <- exp(e[g==j]+b)
      top <- max(top, e[g==j]+b+max(lme4::GHrule(f$nAGQ)[,"z"])/sqrt(sum(n[g==j]*p/(1-p))+1/f$theta^2)) }
    doc$fits[[nm]]$largest_probability_at_a_node <- exp(top) }
  put(id, doc); invisible(doc)
}

# ---------------------------------------------------------------- 1. log-binomial
B <- binomial("log")
d <- rd("cbpp"); d$herd <- factor(d$herd)
case("cbpp_log_ri","cbpp",d,cbind(incidence,size-incidence)~period+(1|herd),B,"binomial(log)",agq=c(1L,5L),start=list(beta=c(-1.6,-0.8,-0.9,-1.4),theta=log(0.5)),
  note="log-binomial. Laplace only is comparable: with 11 or 25 nodes the quadrature reaches probabilities above 1 (lme4 then returns -Inf), and lme4's log-determinant and node scale use expected information (README, note 3): its AGQ-5 differs from the observed-information one by 6e-4 in loglik")
d <- rd("bcg_arms"); d$study <- factor(d$study); d$lat10 <- d$latitude/10
case("bcg_log_study_ri","bcg_arms",d,cbind(tb,n-tb)~treat*lat10+(1|study),B,"binomial(log)",agq=c(1L,5L,11L,25L),start=list(beta=c(-6,0.4,0.5,-0.3),theta=log(0.8)),
  note="log-binomial (relative risks), 13 trials x 2 arms; lat10=latitude/10; sizes up to 88391. lme4's log-determinant and node scale use expected information: compare AGQ-25, not AGQ-5")

# ---------------------------------------------------------------- 2. Gamma, inverse link
d <- rd("orthodont"); d$Subject <- factor(d$Subject)
case("orthodont_gamma_inverse_ri","orthodont",d,distance~I(age-11)+Sex+(1|Subject),Gamma("inverse"),"Gamma(inverse)",engines="glmmTMB",
  start=list(beta=c(0.04,-0.001,0.004),betad=5.5,theta=log(0.003)),note="eta = 1/mu")

# ---------------------------------------------------------------- 3. inverse Gaussian, log link: own TMB template (glmmTMB 1.1.5 has no such family)
IG <- '
#include <TMB.hpp>
// y ~ InvGauss(mu, lambda), log(mu) = X beta + b[group], b ~ N(0, sd^2); betad = log(lambda), theta = log(sd)
template<class Type> Type objective_function<Type>::operator() () {
  DATA_VECTOR(y); DATA_MATRIX(X); DATA_VECTOR(offset); DATA_IVECTOR(group);
  PARAMETER_VECTOR(beta); PARAMETER(betad); PARAMETER(theta); PARAMETER_VECTOR(b);
  Type lambda = exp(betad), sd = exp(theta), nll = -sum(dnorm(b, Type(0), sd, true));
  vector<Type> eta = X*beta + offset;
  for (int i = 0; i < y.size(); i++) {
    Type mu = exp(eta(i) + b(group(i))), r = (y(i) - mu)/mu;
    nll -= Type(0.5)*(betad - log(Type(2*M_PI)) - Type(3)*log(y(i))) - lambda*r*r/(Type(2)*y(i));
  }
  return nll;
}'
invgauss_case <- function(id, dataset, data, formula, start, note="") {
  if (!wanted(id)) return(invisible()); MODEL <<- "inverse.gaussian(log)"; cat(format(Sys.time(),"%H:%M:%S"), id, ""); t0 <- proc.time()[3]
  gl <- glFormula(formula, data=data, family=inverse.gaussian("log")); y <- as.numeric(model.response(gl$fr)); X <- gl$X; off <- model.offset(gl$fr); if (is.null(off)) off <- rep(0,length(y))
  df <- write_design(id, gl, y, rep(1,length(y)), off); g <- gl$reTrms$flist[[1]]
  wd <- tempfile("tmb"); dir.create(wd); old <- setwd(wd); on.exit(setwd(old)); writeLines(IG, "invgauss.cpp"); invisible(capture.output(compile("invgauss.cpp"))); dyn.load(dynlib("invgauss"))
  obj <- MakeADFun(list(y=y,X=unname(X),offset=off,group=as.integer(g)-1L), list(beta=start$beta,betad=start$betad,theta=start$theta,b=numeric(nlevels(g))), random="b", DLL="invgauss", silent=TRUE)
  obj$env$inner.control$tol <- 1e-12; obj$env$inner.control$tol10 <- 0; gr <- function(p) as.numeric(obj$gr(p))
  p <- nlminb(obj$par, obj$fn, obj$gr, control=list(iter.max=5000,eval.max=5000,rel.tol=1e-14,x.tol=1e-14))$par
  for (it in 1:12) { H <- jacobian(gr,p); H <- (H+t(H))/2; s <- solve(H,gr(p)); p <- p-s; if (max(abs(gr(p))) < 1e-10 || max(abs(s)) < 1e-13) break }
  H <- jacobian(gr,p); V <- solve((H+t(H))/2); val <- as.numeric(obj$fn(p)); gg <- gr(p); lp <- obj$env$last.par; b <- unname(lp[names(lp)=="b"])
  csd <- sqrt(diag(as.matrix(solve(obj$env$spHess(lp, random=TRUE))))); ib <- which(names(p)=="beta"); np <- length(p); nm <- make.unique(names(p)); k <- exp(p[["betad"]]); sd <- exp(p[["theta"]])
  sdr <- sdreport(obj, p); eta0 <- drop(X%*%p[ib])+off; Z <- as.matrix(Matrix::t(gl$reTrms$Zt)); lap <- laplace_check(MODEL, y, rep(1,length(y)), eta0, Z, rep(sd,nlevels(g)), k)
  fit <- list(engine=paste(ver("TMB"),"(own template) + Newton polish with AD gradient"), nAGQ=1, estimation="Laplace", optimizer="nlminb rel.tol=1e-14 then Newton on AD gradient, inner tol 1e-12", theta_fixed=FALSE,
    beta=setNames(as.list(unname(p[ib])),colnames(X)), par_raw=setNames(as.list(unname(p)),nm), random_effects=list(sd=list(sd), corr=list(NULL)),
    logLik=-val, loglik_full=-val, AIC=2*val+2*np, BIC=2*val+log(length(y))*np, vcov=unname(V[ib,ib,drop=FALSE]), se=unname(sqrt(diag(V)[ib])), vcov_note="inverse observed information over all parameters", vcov_all=unname(V),
    se_all=setNames(as.list(unname(sqrt(diag(V)))),nm), blup_flat=b, blup_cond_sd_flat=unname(csd), grad=gg, grad_norm=sqrt(sum(gg^2)), newton_iterations=it, converged=max(abs(gg))<1e-6, singular=FALSE, seconds=proc.time()[3]-t0,
    betad=p[["betad"]], sigma_note="betad = log(lambda); density sqrt(lambda/(2 pi y^3)) exp(-lambda (y-mu)^2/(2 mu^2 y)), variance mu^3/lambda",
    selfcheck_exact_loglik_at_estimate=exact_loglik(y,rep(1,length(y)),eta0,g,sd,"",k), selfcheck_laplace_loglik_at_estimate=lap$value, selfcheck_laplace_blup_max_abs_diff=max(abs(lap$b-b)),
    selfcheck_sdreport_vcov_max_rel_diff=max(abs(sdr$cov.fixed-V)/sqrt(outer(diag(V),diag(V)))), fitted_range=range(exp(eta0+b[as.integer(g)])))
  gf <- glm(lme4::nobars(formula), data=data, family=inverse.gaussian("log"), control=glm.control(epsilon=1e-14,maxit=100))
  put(id, list(id=id, dataset=paste0("data/",dataset,".csv"), design=df, formula=paste(deparse(formula,width.cutoff=500),collapse=" "), family="inverse.gaussian", link="log", n=length(y), groups=lapply(gl$reTrms$flist,nlevels), x_columns=colnames(X), note=note, R=R.version.string,
    warnings_flags=list(), cross_checks=list(), fits=list(tmb_laplace=fit, glm_no_random_effects=list(engine="R stats::glm",beta=as.list(coef(gf)),se=unname(sqrt(diag(vcov(gf)))),logLik=as.numeric(logLik(gf)))))); cat("\n")
}
d <- rd("sleepstudy"); d$Subject <- factor(d$Subject)
invgauss_case("sleepstudy_invgauss_ri","sleepstudy",d,Reaction~Days+(1|Subject),list(beta=c(5.5,0.03),betad=10,theta=log(0.1)),note="inverse Gaussian, log link, TMB template of extra_cases.R")

# ---------------------------------------------------------------- 4. nested, and nested with a slope at the outer level
d <- rd("guimmun"); d$y01 <- as.numeric(d$immun=="Y"); d$mom <- factor(d$mom); d$comm <- factor(d$comm); d$k2 <- as.numeric(d$kid2p=="Y")
N <- "mother in community, slope of k2=(kid2p=='Y') at the community; y01=(immun=='Y')"
case("guimmun_nested_slope","guimmun",d,y01~k2+ord+rural+pcInd81+(1|mom)+(1|comm)+(0+k2|comm),binomial(),"binomial(logit)",note=paste0(N,"; uncorrelated: two blocks in one level"))
case("guimmun_nested_slope_corr","guimmun",d,y01~k2+ord+rural+pcInd81+(1|mom)+(1+k2|comm),binomial(),"binomial(logit)",note=paste0(N,"; correlated"))
d <- rd("owls"); d$Nest <- factor(d$Nest); d$arr <- d$ArrivalTime-24; d$NS <- factor(paste(d$Nest,d$SexParent))
f <- SiblingNegotiation~FoodTreatment*SexParent+arr+offset(logBroodSize)+(1|NS)+(1|Nest)
case("owls_nested_poisson","owls",d,f,poisson(),"poisson(log)",note="NS = Nest:SexParent; arr=ArrivalTime-24")
case("owls_nested_nb2","owls",d,f,poisson(),"nbinom2(log)",famname="nbinom2",linkname="log",tmb_family=nbinom2(),engines="glmmTMB",note="negative binomial, var=mu+mu^2/size; NS = Nest:SexParent; arr=ArrivalTime-24")
d <- rd("machines"); d$Worker <- factor(d$Worker); d$WM <- factor(paste(d$Worker,d$Machine))
case("machines_nested_gamma","machines",d,score~Machine+(1|WM)+(1|Worker),Gamma("log"),"Gamma(log)",engines="glmmTMB",note="WM = Worker:Machine")

# ---------------------------------------------------------------- 5. PQL on cbpp, beside Laplace and AGQ-25
if (wanted("cbpp_pql")) {
  cat(format(Sys.time(),"%H:%M:%S"), "cbpp_pql\n"); d <- rd("cbpp"); d$herd <- factor(d$herd); MODEL <- "binomial(logit)"; ff <- cbind(incidence,size-incidence)~period
  fm <- cbind(incidence,size-incidence)~period+(1|herd); gl <- glFormula(fm, data=d, family=binomial())
  shape <- function(engine, estimation, beta, sd, se, ...) c(list(engine=engine, estimation=estimation, beta=setNames(as.list(unname(beta)),colnames(gl$X)), sd=sd, se=unname(se)), list(...))
  pql <- function(label, control) { m <- glmmPQL(ff, random=~1|herd, family=binomial(), data=d, verbose=FALSE, niter=100, control=control)
    sd <- sqrt(as.numeric(nlme::getVarCov(m)[1,1])); shape(paste(ver("MASS"),ver("nlme"),"glmmPQL"), label, nlme::fixef(m), sd, sqrt(diag(m$varFix)), residual_scale=m$sigma, se_printed_by_summary=unname(summary(m)$tTable[,"Std.Error"])) }
  # the same fixed point, iterated until the linear predictor stands still (glmmPQL stops at a relative change of 1e-3 in eta)
  pql_tight <- function(label, method="ML", ...) { y <- d$incidence/d$size; eta <- qlogis((d$incidence+0.5)/(d$size+1)); w <- d
    for (it in 1:500) { mu <- plogis(eta); v <- mu*(1-mu); w$.z <- eta+(y-mu)/v; w$.iw <- 1/(d$size*v)
      m <- lme(.z~period, random=~1|herd, data=w, weights=varFixed(~.iw), method=method, control=lmeControl(returnObject=TRUE, tolerance=1e-12, msTol=1e-14, maxIter=500, msMaxIter=500, ...)); old <- eta; eta <- as.numeric(fitted(m)); if (max(abs(eta-old)) < 1e-10) break }
    shape(paste(ver("nlme"),"lme on the working response"), label, nlme::fixef(m), sqrt(as.numeric(nlme::getVarCov(m)[1,1])), sqrt(diag(m$varFix)), residual_scale=m$sigma, iterations=it, last_change_in_eta=max(abs(eta-old))) }
  tm <- tmb_json(fm, d, binomial(), gl$X)$out; a <- glmer_json(gl, fm, d, binomial(), 25L)$out
  put("cbpp_pql", list(id="cbpp_pql", dataset="data/cbpp.csv", design="design/cbpp_ri.csv", formula="cbind(incidence, size - incidence) ~ period + (1 | herd)", family="binomial", link="logit", n=nrow(d), groups=list(herd=15), x_columns=colnames(gl$X),
    note="how far PQL is from the Laplace and AGQ-25 estimates. glmmPQL estimates a residual scale (residual_scale); the PQL of the textbooks holds it at 1 (*_scale1). pql_tight*: the same fixed point to 1e-10 in eta (glmmPQL stops at a relative change of 1e-3). se: model-based, no small-sample factor; summary.lme multiplies by sqrt(n/(n-p))",
    R=R.version.string, fits=list(glmmPQL=pql("PQL, residual scale estimated (ML)", lmeControl()), glmmPQL_scale1=pql("PQL, residual scale 1 (ML)", lmeControl(sigma=1)),
      pql_tight=pql_tight("PQL, residual scale estimated (ML), to convergence"), pql_tight_scale1=pql_tight("PQL, residual scale 1 (ML), to convergence", sigma=1),
      glmmTMB_laplace=shape(tm$engine,"Laplace",unlist(tm$beta),tm$random_effects$sd[[1]],tm$se,logLik=tm$logLik),
      lme4_nAGQ25=shape(a$engine,"AGQ-25",unlist(a$beta),a$theta,a$se,loglik_full=a$logLik+sum(dbinom(d$incidence,d$size,d$incidence/d$size,log=TRUE))))))
}

# ---------------------------------------------------------------- 6. toenail: AGQ by number of nodes
if (wanted("toenail_agq_path")) {
  d <- rd("toenail"); d$y01 <- as.numeric(d$outcome!="none or mild"); d$patientID <- factor(d$patientID); MODEL <- "binomial(logit)"
  fm <- y01~treatment*time+(1|patientID); gl <- glFormula(fm, data=d, family=binomial()); fits <- list()
  for (q in c(1L,5L,11L,25L,50L,100L)) { cat(format(Sys.time(),"%H:%M:%S"), "toenail_agq_path", q, "\n"); o <- glmer_json(gl, fm, d, binomial(), q)$out; b <- unlist(o$beta)
    fits[[paste0("lme4_nAGQ",q)]] <- list(engine=o$engine, nAGQ=q, estimation=o$estimation, intercept=b[[1]], beta=o$beta, sd=o$theta, loglik_full=o$logLik, se=o$se, se_sd=sqrt(o$vcov_theta_beta[1,1]),
      grad_norm=o$grad_norm, grad_whitened_max=o$grad_whitened_max, converged=o$converged, optimizer=o$optimizer, selfcheck_exact_loglik_at_estimate=exact_loglik(d$y01,rep(1,nrow(d)),drop(gl$X%*%b),d$patientID,o$theta,"")) }
  put("toenail_agq_path", list(id="toenail_agq_path", dataset="data/toenail.csv", design="design/toenail_ri.csv", formula=paste(deparse(fm),collapse=" "), family="binomial", link="logit", n=nrow(d), groups=list(patientID=294), x_columns=colnames(gl$X),
    note="lme4's estimates by number of quadrature nodes, each polished to stationarity (lme4 allows at most 100). Responses are 0/1, so the saturated term is zero and loglik_full is lme4's logLik", R=R.version.string, fits=fits))
}
