// A check for clang-tidy that finds nothing: it keeps the others to our own
// declarations. Most of what they would look through are the system's headers,
// and what they find there is not reported.
#include <vector>

#include <clang-tidy/ClangTidyCheck.h>
#include <clang-tidy/ClangTidyModule.h>
#include <clang-tidy/ClangTidyModuleRegistry.h>
#include <clang/ASTMatchers/ASTMatchFinder.h>

namespace {

using clang::ast_matchers::MatchFinder;

class OwnCode : public clang::tidy::ClangTidyCheck {
 public:
  using ClangTidyCheck::ClangTidyCheck;

  void registerMatchers(MatchFinder* finder) override {
    finder->addMatcher(clang::ast_matchers::translationUnitDecl(), this);
  }

  // Called before anything inside the unit is visited.
  void check(const MatchFinder::MatchResult& unit) override {
    // What was not loaded is in a precompiled header, so none of it is ours.
    std::vector<clang::Decl*> own;
    for (clang::Decl* decl :
         unit.Context->getTranslationUnitDecl()->noload_decls()) {
      if (!unit.SourceManager->isInSystemHeader(decl->getLocation())) {
        own.push_back(decl);
      }
    }
    unit.Context->setTraversalScope(own);
  }
};

class Module : public clang::tidy::ClangTidyModule {
 public:
  void addCheckFactories(clang::tidy::ClangTidyCheckFactories& all) override {
    all.registerCheck<OwnCode>("spanfix-own-code");
  }
};

const clang::tidy::ClangTidyModuleRegistry::Add<Module> kModule("spanfix", "");

}  // namespace
