import { createFamilyService, type FamilyDependencies } from './families/service.ts'
import { createLogin, type LoginDependencies } from './login.ts'
import { createPasswordChange, type PasswordChangeDependencies } from './password-change.ts'
import { createRegistration, type RegistrationDependencies } from './registration.ts'

type Dependencies = FamilyDependencies &
  LoginDependencies &
  PasswordChangeDependencies &
  RegistrationDependencies

/** Accounts and their devices: registration, login, token pairs, logout and passwords. */
export function createAuthService(dependencies: Dependencies) {
  const devices = createFamilyService(dependencies)
  const { refresh, logout, logOutEverywhere } = devices
  return {
    ...createRegistration(dependencies, devices),
    ...createLogin(dependencies, devices),
    refresh,
    logout,
    logOutEverywhere,
    ...createPasswordChange(dependencies, devices),
  }
}

export type AuthService = ReturnType<typeof createAuthService>
